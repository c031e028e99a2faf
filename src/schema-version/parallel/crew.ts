import { join } from 'node:path'
import type { Piscina } from 'piscina'
import type { ThreadAnswer, ThreadChunk, ThreadTask } from './thread-task.js'

/** Threads that convert chunks. Each has a further one at hand while it works. */
export class Crew {
  #underWay = 0
  #isDismissed = false
  #failure: { readonly cause: unknown } | undefined
  readonly #exits: readonly Promise<unknown>[]

  private constructor(
    readonly workers: number,
    readonly pool: Piscina<ThreadChunk, ThreadAnswer>,
  ) {
    this.#exits = pool.threads.map((thread) => new Promise((resolve) => void thread.once('exit', resolve)))
    // Of a thread between two chunks: something that its module began by itself.
    pool.on('error', (cause: unknown) => {
      this.#failure = { cause }
    })
  }

  static async start(workers: number, task: ThreadTask): Promise<Crew> {
    // Only now: nobody else needs it.
    const { Piscina } = await import('piscina')
    const pool = new Piscina<ThreadChunk, ThreadAnswer>({
      filename: join(__dirname, 'thread.js'),
      name: 'convertChunk',
      workerData: task,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 2,
      // They block a thread between its chunks, and with it whatever the module of the versions has begun.
      atomics: 'disabled',
      recordTiming: false,
    })
    return new Crew(workers, pool)
  }

  /** How many chunks are on their way at most. */
  get ahead(): number {
    return this.workers * 2
  }

  /** Settles when every thread has loaded the versions. */
  async ready(): Promise<void> {
    const nothing: ThreadChunk = { records: { values: [], all: undefined, marks: [] }, from: [] }
    await Promise.all(Array.from({ length: this.workers }, () => this.convert(nothing)))
  }

  async convert(chunk: ThreadChunk): Promise<ThreadAnswer> {
    if (this.#failure) throw this.#failure.cause
    this.#underWay++
    try {
      return await this.pool.run(chunk)
    } finally {
      this.#underWay--
      if (this.#isDismissed && this.#underWay === 0) await this.end()
    }
  }

  /** Ends the threads when they have done what they have. */
  async dismiss(): Promise<void> {
    this.#isDismissed = true
    if (this.#underWay === 0) await this.end()
  }

  /** Ends the threads, whatever they do. */
  async end(): Promise<void> {
    await this.pool.destroy()
    // The pool replaces a thread that died by itself when it is gone, which may be only now.
    await Promise.all(this.#exits)
    await this.pool.destroy()
  }
}
