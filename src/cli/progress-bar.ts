import { SingleBar } from 'cli-progress'
import { type Progress, Rate, shareDone } from '../backfill/progress.js'
import { count, counted, duration, percent, rate } from './format.js'
import type { Output } from './output.js'

/** How often a line is written where no line can be rewritten: often enough to see it live, seldom enough for a log. */
const plainIntervalMs = 5_000

/** A terminal's line is redrawn so often a second. */
const framesPerSecond = 5

const widestBar = 30
const narrowestBar = 8

/** Shows how a run goes on until it is told to stop. */
export interface ProgressDisplay {
  update(progress: Progress): void
  /** Leaves the last state on the screen; `done` makes it 100 %. */
  stop(end?: 'done'): void
}

/** What a run's progress says over time: the rate needs more than one look. */
export class Meter {
  #rate = new Rate()
  #last: Progress | undefined

  /** @param at milliseconds of a clock that never goes back */
  add(progress: Progress, at: number): void {
    // A sweep starts to count anew.
    if (progress.pass !== this.#last?.pass) this.#rate = new Rate()
    this.#rate.add(at, progress.scanned)
    this.#last = progress
  }

  /** 0 to 0.999: the total is an estimate, so only the end is 1. */
  get share(): number {
    return this.#last ? shareDone(this.#last) : 0
  }

  /**
   * `61.4%  30,831,936 rows  108k/s  2m59s left · batch 48,000 rows 0.47s · conflicts 12 · failures 3`; what is not known is left out,
   * and the batch where there is no room for it.
   */
  text(end?: 'done', width = Number.POSITIVE_INFINITY): string {
    const progress = this.#last
    if (!progress) return ''
    const { scanned, estimatedRows, pass, conflicts, failures, batch, throttle } = progress
    const perSecond = this.#rate.perSecond
    const remaining = estimatedRows - scanned
    const left = end === 'done' || remaining <= 0 ? undefined : this.#rate.secondsLeft(remaining)
    const numbers = [
      // Of one width, so that nothing beside it moves.
      percent(end === 'done' ? 1 : this.share).padStart(5),
      `${count(scanned)} rows`,
      ...(perSecond ? [rate(perSecond)] : []),
      ...(left === undefined ? [] : [`${duration(left)} left`]),
    ]
    const size = batch && end !== 'done' ? [`batch ${counted(batch.rows, 'row')} ${(batch.ms / 1000).toFixed(2)}s`] : []
    const remarks = [
      ...(pass > 0 && end !== 'done' ? [`sweep ${pass}`] : []),
      ...(conflicts > 0 ? [`conflicts ${count(conflicts)}`] : []),
      ...(failures > 0 ? [`failures ${count(failures)}`] : []),
      ...(throttle && end !== 'done' ? [`throttle ${throttle}`] : []),
    ]
    const text = [numbers.join('  '), ...size, ...remarks].join(' · ')
    return text.length <= width ? text : [numbers.join('  '), ...remarks].join(' · ')
  }
}

/** The display that suits where a command writes to. */
export function createProgressDisplay(output: Output, now: () => number = () => performance.now()): ProgressDisplay {
  if (output.mode === 'terminal') return new ProgressBar(output, now)
  if (output.mode === 'plain') return new ProgressLines(output, now)
  return { update: () => undefined, stop: () => undefined }
}

/** One line that is redrawn: `  ██████░░░░  61.4%  30,831,936 rows  108k/s  2m59s left`. */
class ProgressBar implements ProgressDisplay {
  readonly #meter = new Meter()
  readonly #bar: SingleBar
  #end: 'done' | undefined
  #isStarted = false

  constructor(
    private readonly output: Output,
    private readonly now: () => number,
  ) {
    this.#bar = new SingleBar({
      format: () => this.#line(),
      stream: withoutSavedPositions(output.stdout),
      fps: framesPerSecond,
      hideCursor: true,
      // Its own answer to Ctrl-C would end the line before the batch in hand is finished.
      gracefulExit: false,
    })
  }

  update(progress: Progress): void {
    this.#meter.add(progress, this.now())
    if (!this.#isStarted) {
      this.#isStarted = true
      this.#bar.start(1, 0)
      // The process may be ended by a third Ctrl-C: the cursor must come back.
      process.once('exit', this.#restore)
    } else {
      this.#bar.update(this.#meter.share)
    }
  }

  stop(end?: 'done'): void {
    if (!this.#isStarted) return
    this.#end = end
    this.#bar.stop()
    process.off('exit', this.#restore)
  }

  readonly #restore = () => this.#bar.stop()

  #line(): string {
    const { paint, stdout } = this.output
    const columns = stdout.columns || 80
    const text = this.#meter.text(this.#end, columns - 3)
    const room = columns - text.length - 5
    if (room < narrowestBar) return `  ${text}`
    const width = Math.min(room, widestBar)
    const full = Math.floor(width * (this.#end === 'done' ? 1 : this.#meter.share))
    return `  ${paint.green('█'.repeat(full))}${paint.dim('░'.repeat(width - full))}  ${text}`
  }
}

/** cli-progress goes back to where its line began on the screen, which is another line once the screen has scrolled. */
function withoutSavedPositions(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  return new Proxy(stream, {
    get(target, name) {
      if (name === 'write') return (text: string) => text === '\x1B7' || text === '\x1B8' || target.write(text)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Lines now and then, each with the name: in a log, others may stand between them. */
class ProgressLines implements ProgressDisplay {
  readonly #meter = new Meter()
  #writtenAt: number | undefined

  constructor(
    private readonly output: Output,
    private readonly now: () => number,
  ) {}

  update(progress: Progress): void {
    const at = this.now()
    this.#meter.add(progress, at)
    this.#writtenAt ??= at
    if (at - this.#writtenAt < plainIntervalMs) return
    this.#writtenAt = at
    this.output.line(`${progress.backfill}  ${this.#meter.text()}`)
  }

  stop(): void {
    // What ended it is said by whoever stops it.
  }
}
