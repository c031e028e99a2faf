import { availableParallelism } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { Crew } from './crew.js'
import type { ThreadTask } from './thread-task.js'
import { WorkerChoice } from './worker-choice.js'

/** How much work is done before threads are started: as much as starting them is. So what is soon done never starts one. */
const aloneMs = 700
/** How much work decides about a number of threads, for each of them. */
const stretchMs = 200
/** How much work it takes until code runs as fast as it will, in each thread that has just begun. */
const warmUpMs = 300

interface Boot {
  readonly crew: Promise<Crew>
  ready: Crew | undefined
  error: { readonly cause: unknown } | undefined
}

/** The threads of one conversion: as many as were asked for, or as many as prove to be worth it. */
export class Staff {
  /** The threads that convert now; none where the caller does it. */
  crew: Crew | undefined
  readonly #choice: WorkerChoice | undefined
  /** The crew before, until it is known that the present one is better. */
  #former: Crew | undefined
  #boot: Boot | undefined
  /** What was measured with the present crew, after the chunks that its beginning has slowed. */
  #stretch = { warmUp: warmUpMs, records: 0, cost: 0, work: 0 }

  constructor(
    readonly workers: number | undefined,
    readonly task: ThreadTask,
    /** No more than this, where they are measured. */
    most = availableParallelism(),
  ) {
    if (workers === undefined) this.#choice = new WorkerChoice(most)
  }

  async start(): Promise<void> {
    if (this.workers !== undefined) this.crew = await Crew.start(this.workers, this.task)
  }

  /** How long the caller was held up by the chunks that are converted. */
  spent(ms: number): void {
    this.#stretch.cost += ms
  }

  /** A chunk is back. Changes the crew where that is due. @throws what a new thread dies of */
  async done(records: number, workMs: number): Promise<void> {
    const choice = this.#choice
    if (!choice || choice.isSettled) return
    if (this.#boot) return await this.#relieve(this.#boot)
    const stretch = this.#stretch
    if (stretch.warmUp > 0) {
      stretch.warmUp -= workMs
      stretch.cost = 0
      return
    }
    stretch.records += records
    stretch.work += workMs
    if (stretch.work < (choice.workers === 0 ? aloneMs : stretchMs * choice.workers)) return
    choice.measured(stretch.cost / stretch.records)
    await this.#follow(choice)
  }

  async #follow({ workers }: WorkerChoice): Promise<void> {
    const present = this.crew?.workers ?? 0
    if (workers > present) this.#boot = bootOf(Crew.start(workers, this.task))
    if (workers < present) await this.#change(this.#former, this.crew)
    else {
      await this.#former?.dismiss()
      this.#former = undefined
    }
  }

  /** The present crew works until every thread of the next has loaded its versions. */
  async #relieve(boot: Boot): Promise<void> {
    // The caller may be busy without a pause, and threads speak between its turns.
    await turn()
    if (boot.error) throw boot.error.cause
    if (!boot.ready) return
    this.#boot = undefined
    this.#former = this.crew
    this.crew = boot.ready
    this.#stretch = { warmUp: warmUpMs * this.crew.workers, records: 0, cost: 0, work: 0 }
  }

  async #change(next: Crew | undefined, present: Crew | undefined): Promise<void> {
    this.crew = next
    this.#former = undefined
    await present?.dismiss()
  }

  /** Ends all threads, whatever they do. */
  async end(): Promise<void> {
    const booting = await this.#boot?.crew.catch(() => undefined)
    await Promise.all([this.crew, this.#former, booting].map((crew) => crew?.end()))
  }
}

function bootOf(crew: Promise<Crew>): Boot {
  const boot: Boot = { crew, ready: undefined, error: undefined }
  const ready = crew.then(async (started) => {
    await started.ready()
    boot.ready = started
  })
  ready.catch((cause: unknown) => {
    boot.error = { cause }
  })
  return boot
}
