import { availableParallelism } from 'node:os'
import { setImmediate as turn } from 'node:timers/promises'
import { Crew } from './crew.js'
import type { Prospect } from './prospect.js'
import type { ThreadTask } from './thread-task.js'
import { startMs, WorkerChoice } from './worker-choice.js'

/** How much work decides about a number of threads, for each of them. */
const stretchMs = 200
/** How much work it takes until code runs as fast as it will, in each thread that has just begun. */
const warmUpMs = 300
/** As much work is done before threads are started as starting them is. So what is soon done never starts one. */
const aloneMs = startMs - warmUpMs

export type Threads = Pick<Crew, 'workers' | 'ahead' | 'ready' | 'convert' | 'dismiss' | 'end'>

interface Boot {
  readonly crew: Promise<Threads>
  ready: Threads | undefined
  error: { readonly cause: unknown } | undefined
}

/** What a staff is decided by. */
export interface Surroundings {
  /** How many processors there are; no more threads, where they are measured. */
  readonly most: number
  readonly clockMs: () => number
  /** What processors have worked for this process. */
  readonly processorMs: () => number
  readonly startThreads: (workers: number, task: ThreadTask) => Promise<Threads>
}

const thisProcess: Surroundings = {
  most: availableParallelism(),
  clockMs: () => performance.now(),
  processorMs() {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
  startThreads: (workers, task) => Crew.start(workers, task),
}

/** Chunks are measured from here on, once those have been converted that a beginning slows. */
class Stretch {
  records = 0
  /** How long the caller was held up. */
  cost = 0
  work = 0
  /** Records whose way to a thread was tried, and what that took. */
  readonly tried = { records: 0, ms: 0 }
  readonly #clockMs: number
  readonly #processorMs: number

  constructor(readonly surroundings: Surroundings) {
    this.#clockMs = surroundings.clockMs()
    this.#processorMs = surroundings.processorMs()
  }

  prospect(): Prospect {
    const { records, cost, tried } = this
    const perRecord = (ms: number) => (ms - tried.ms) / records
    return {
      all: perRecord(this.surroundings.clockMs() - this.#clockMs),
      converting: cost / records,
      processors: perRecord(this.surroundings.processorMs() - this.#processorMs),
      // The caller packs, and unpacks what comes back; the thread does it the other way round.
      way: tried.ms / tried.records / 2,
    }
  }
}

/** The threads of one conversion: as many as were asked for, or as many as prove to be worth it. */
export class Staff {
  /** The threads that convert now; none where the caller does it. */
  crew: Threads | undefined
  readonly #choice: WorkerChoice | undefined
  /** The crew before, until it is known that the present one is better. */
  #former: Threads | undefined
  #boot: Boot | undefined
  #warmUp = warmUpMs
  #stretch: Stretch | undefined
  #left = Number.POSITIVE_INFINITY

  constructor(
    readonly workers: number | undefined,
    readonly task: ThreadTask,
    readonly surroundings = thisProcess,
  ) {
    if (workers === undefined) this.#choice = new WorkerChoice(surroundings.most)
  }

  /** `records`: how many there are to be converted, where that is known. */
  async start(records = Number.POSITIVE_INFINITY): Promise<void> {
    this.#left = records
    if (this.workers !== undefined) this.crew = await this.surroundings.startThreads(this.workers, this.task)
  }

  /** Whether it depends on what the way to a thread takes how many there will be. */
  get isWayAsked(): boolean {
    return this.#stretch !== undefined && !this.crew && !this.#boot
  }

  /** What the way of some records to a thread and back took, tried without one. */
  triedWay(records: number, ms: number): void {
    if (!this.#stretch) return
    this.#stretch.tried.records += records
    this.#stretch.tried.ms += ms
  }

  /** How long the caller was held up by the chunks that are converted. */
  spent(ms: number): void {
    if (this.#stretch) this.#stretch.cost += ms
  }

  /** A chunk is back. Changes the crew where that is due. @throws what a new thread dies of */
  async done(records: number, workMs: number): Promise<void> {
    this.#left -= records
    const choice = this.#choice
    if (!choice || choice.isSettled) return
    if (this.#boot) return await this.#relieve(this.#boot)
    const stretch = this.#stretch
    if (!stretch) {
      this.#warmUp -= workMs
      if (this.#warmUp <= 0) this.#stretch = new Stretch(this.surroundings)
      return
    }
    stretch.records += records
    stretch.work += workMs
    if (stretch.work < (choice.workers === 0 ? aloneMs : stretchMs * choice.workers)) return
    this.#stretch = undefined
    if (choice.workers === 0) choice.begin(stretch.prospect(), this.#left)
    else choice.measured(stretch.cost / stretch.records, this.#left)
    await this.#follow(choice)
  }

  async #follow({ workers }: WorkerChoice): Promise<void> {
    const present = this.crew?.workers ?? 0
    if (workers > present) this.#boot = bootOf(this.surroundings.startThreads(workers, this.task))
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
    this.#warmUp = warmUpMs * this.crew.workers
  }

  async #change(next: Threads | undefined, present: Threads | undefined): Promise<void> {
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

function bootOf(crew: Promise<Threads>): Boot {
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
