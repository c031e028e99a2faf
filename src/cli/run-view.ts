import { type Progress, shareDone } from '../backfill/progress.js'
import type { RunResult } from '../runs/run-result.js'
import { endOf } from '../runs/tenants/run-each-tenant.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { clock, count, counted, percent } from './format.js'
import { goOn } from './go-on.js'
import type { Answer, Output } from './output.js'
import { createProgressDisplay, type ProgressDisplay } from './progress-bar.js'
import { type Interrupts, listenForInterrupts } from './signals.js'
import { listenForWarnings } from './warnings.js'

/**
 * What is seen of runs while this process works on them, one after another: a headline, the progress, the end. It also listens
 * for Ctrl-C and says what that does.
 */
export class RunView {
  readonly interrupts: Interrupts
  #display: ProgressDisplay | undefined
  #runId: number | undefined
  #share = 0
  #last: Progress | undefined
  #throttle: string | undefined
  /** Since Ctrl-C the progress is not shown any more: the last words are to stay the last. */
  #isQuiet = false

  readonly #endWarnings: () => void

  constructor(private readonly output: Output) {
    this.#endWarnings = listenForWarnings((message) => {
      this.#endLine()
      output.note(`  warning: ${message}\n`)
    })
    this.interrupts = listenForInterrupts({
      onStop: () => {
        this.#quiet()
        this.output.note('  finishing this batch… (again to give it up)\n')
      },
      onAbort: () => this.output.note('  giving this batch up…\n'),
    })
  }

  /** How far the run has come, as last heard. */
  get share(): number {
    return this.#share
  }

  /** Whether the last headline was this run's. */
  isShowing(runId: number): boolean {
    return this.#runId === runId
  }

  /** The headline of a run, and what is known of it before its first batch. */
  begin(headline: string, progress: Progress, isMoving = true): void {
    this.#runId = progress.runId
    this.#share = shareDone(progress)
    this.#last = progress
    this.output.line(headline)
    if (!isMoving) return
    this.#display = createProgressDisplay(this.output)
    if (!this.#isQuiet) this.#display.update(progress)
  }

  /** Of any run: another one than before gets a headline first. */
  update(progress: Progress): void {
    if (progress.runId !== this.#runId) {
      this.#display?.stop()
      this.begin(headlineOf(this.output, progress.backfill, progress.runId), progress)
      return
    }
    this.#share = shareDone(progress)
    this.#last = progress
    if (!this.#isQuiet) this.#display?.update(progress)
  }

  /** A line between the progress. */
  tell(line: string): void {
    this.#endLine()
    this.output.line(line)
  }

  /**
   * The run has to wait, and why; undefined = it goes on. A line says so once, however often it is looked at: then only numbers differ.
   */
  wait(prefix: string, waiting: { readonly reason: string; readonly forMs: number } | undefined): void {
    const kind = waiting?.reason.replaceAll(/\d[\d.,]*/g, '')
    if (kind !== this.#throttle) {
      const until = waiting && `, looks again at ${clock(new Date(Date.now() + waiting.forMs).toISOString())}`
      this.tell(`${prefix}throttle: ${waiting ? this.output.paint.yellow(waiting.reason) + until : 'none'}`)
    }
    this.#throttle = kind
    if (this.#last && !this.#isQuiet) this.#display?.update({ ...this.#last, throttle: waiting?.reason })
  }

  /** The run has come to an end of some kind, which is told after this. */
  end(isDone: boolean): void {
    if (!this.#isQuiet) this.#display?.stop(isDone ? 'done' : undefined)
    this.#display = undefined
    this.#runId = undefined
    this.#last = undefined
  }

  dispose(): void {
    this.#quiet()
    this.interrupts.dispose()
    this.#endWarnings()
  }

  /** What follows stands on a line of its own: the bar's has no end yet. */
  #endLine(): void {
    this.#display?.stop()
    if (this.#display) this.#display = createProgressDisplay(this.output)
  }

  #quiet(): void {
    if (!this.#isQuiet) this.#display?.stop()
    this.#isQuiet = true
  }
}

/** `city.slug · run 7` */
export function headlineOf({ paint }: Output, backfill: string, runId: number): string {
  return `${paint.bold(backfill)} · run ${runId}`
}

/** Who worked on a run before, and does no more. */
export const takenOver = (worker: string): string => `taken over from ${worker}, which fell silent`

/** How a run ended, as lines for people. */
export function describeResult({ paint }: Output, result: RunResult, share: number): readonly string[] {
  switch (result.status) {
    case 'completed':
      if (result.skippedBecause !== null) {
        return [
          `  ${paint.green('skipped')}: ${result.skippedBecause}`,
          '  The gate still looks whether a row matches.',
        ]
      }
      return [
        `  ${paint.green('completed')}: ${describeCounts(result)}`,
        ...(result.coverage === 'keys-once'
          ? [`  ${paint.dim('without `where`: rows inserted or changed meanwhile are not promised')}`]
          : []),
        ...(result.coverage === 'followed'
          ? [`  ${paint.dim('changes are followed: `rowshift work` computes them anew until the gate')}`]
          : []),
      ]
    case 'failed':
      return [`  ${paint.red('failed')}: ${reasonOf(result.code, result.reason)}`]
    case 'unfinished':
      return describeUnfinished(result, percent(share), paint.yellow)
  }
}

function describeUnfinished(
  { reason, runId }: Extract<RunResult, { status: 'unfinished' }>,
  at: string,
  mark: (text: string) => string,
): readonly string[] {
  switch (reason) {
    case 'interrupted':
      return [`  ${mark('interrupted')} at ${at}, nothing lost.`]
    case 'paused':
      return [`  run ${runId} is ${mark('paused')} at ${at}: nobody works on it until it is resumed.`]
    case 'cancelled':
      return [`  run ${runId} was ${mark('cancelled')}. Rows already written stay as they are.`]
    case 'writers-still-old':
      return [
        `  ${mark('paused')}: rows kept matching through every sweep: some application still writes the old way.`,
        '  Deploy the code that fills the new columns everywhere, then go on.',
      ]
  }
}

/** What to call after a run that ended so; undefined when there is nothing to do. */
export function nextCommand(result: RunResult): string | undefined {
  const { backfill, counts } = result
  switch (result.status) {
    case 'completed':
      return counts.failures > 0 ? `rowshift failures ${backfill}` : undefined
    case 'failed':
      return counts.failures > 0 ? `rowshift failures ${backfill}` : goOn(backfill)
    case 'unfinished': {
      const isPaused = result.reason === 'paused' || result.reason === 'writers-still-old'
      return isPaused ? `rowshift resume ${backfill}` : goOn(backfill)
    }
  }
}

function describeCounts({ counts, verification }: Extract<RunResult, { status: 'completed' }>): string {
  return [
    `${counted(counts.written, 'row')} written`,
    ...(counts.unchanged > 0 ? [`${count(counts.unchanged)} unchanged`] : []),
    ...(counts.left > 0 ? [`${count(counts.left)} left as they are`] : []),
    ...(counts.conflicts > 0 ? [`${counted(counts.conflicts, 'conflict')} settled`] : []),
    ...(counts.failures > 0 ? [`${counted(counts.failures, 'failure')} listed, so the gate stays shut`] : []),
    ...(verification && verification.checked > 0 ? [`${counted(verification.checked, 'sample')} checked`] : []),
    ...(verification?.recomputed ? [`${count(verification.recomputed.rows)} computed again`] : []),
    ...(verification?.assertions.length ? [`${counted(verification.assertions.length, 'assertion')} held`] : []),
  ].join(', ')
}

/** The code once, though stored reasons may begin with it. */
export function reasonOf(code: string | undefined, reason: string | undefined): string {
  if (!code) return reason ?? ''
  if (!reason) return code
  return reason.startsWith(`${code}: `) ? reason : `${code}: ${reason}`
}

/** Of a command that ran a backfill: 0 says that the gate is open, and it is not while failures are listed. */
export function exitCodeOfResult({ status, counts }: RunResult): ExitCode {
  if (status === 'failed') return exitCodes.failed
  return status === 'completed' && counts.failures === 0 ? exitCodes.done : exitCodes.unfinished
}

/** Why a run leaves something to do; undefined = it does not. */
export function whyLeft(result: RunResult): Answer['why'] {
  const { status, code, reason } = endOf(result)
  return status === 'completed' ? undefined : { code: code!, message: reason! }
}
