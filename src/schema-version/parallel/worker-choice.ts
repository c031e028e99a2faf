import { type Prospect, timeOf } from './prospect.js'

/** What starting threads takes, until they are as fast as they get: more than this has to be saved by them. */
export const startMs = 1_000
/** Fewer threads, or none, unless more of them save this share of the time. */
const worthwhile = 0.9

/**
 * How many threads: none first, then 2, 4 and so on. A number is tried if it promises to save more than its start takes, and kept if it
 * is clearly faster than the one before. What is compared then is how long the calling thread is held up by a record, waiting included;
 * so where the reader is the slow part, threads that work meanwhile cost next to nothing.
 */
export class WorkerChoice {
  /** 0: none, records are converted where they are read. */
  workers = 0
  isSettled: boolean
  #prospect: Prospect | undefined
  #best: { readonly workers: number; readonly cost: number } | undefined

  constructor(readonly most: number) {
    this.isSettled = most < 2
  }

  /** What was measured without threads, and how many records are to come. Decides how many threads are tried first, if any. */
  begin(prospect: Prospect, left: number): void {
    this.#prospect = prospect
    this.measured(prospect.converting, left)
  }

  /** What a record cost with the present workers, and how many are to come. Decides how many there are next. */
  measured(cost: number, left: number): void {
    if (this.isSettled) return
    if (this.#best && cost > this.#best.cost * worthwhile) {
      this.workers = this.#best.workers
      this.isSettled = true
      return
    }
    this.#best = { workers: this.workers, cost }
    const more = this.#promising(left)
    if (more === undefined) this.isSettled = true
    else this.workers = more
  }

  #promising(left: number): number | undefined {
    const expected = (workers: number) => timeOf(this.#prospect!, workers, this.most)
    const now = expected(this.workers)
    return this.#more().find((workers) => {
      const saved = now - expected(workers)
      return saved > now * (1 - worthwhile) && saved * left > startMs
    })
  }

  #more(): readonly number[] {
    const more: number[] = []
    for (let workers = Math.max(2, this.workers * 2); workers < this.most; workers *= 2) more.push(workers)
    return this.workers < this.most ? [...more, this.most] : more
  }
}
