/** Fewer threads, or none, unless more of them save this share of the time. */
const worthwhile = 0.9

/**
 * How many threads: none first, then 2, 4 and so on, while each is clearly faster than the one before. What is compared is how long
 * the calling thread is held up by a record, waiting included; so where the reader is the slow part, threads that work meanwhile cost
 * next to nothing.
 */
export class WorkerChoice {
  /** 0: none, records are converted where they are read. */
  workers = 0
  isSettled: boolean
  #best: { readonly workers: number; readonly cost: number } | undefined

  constructor(readonly most: number) {
    this.isSettled = most < 2
  }

  /** What a record cost with the present workers. Decides how many there are next. */
  measured(cost: number): void {
    if (this.isSettled) return
    if (this.#best && cost > this.#best.cost * worthwhile) {
      this.workers = this.#best.workers
      this.isSettled = true
      return
    }
    this.#best = { workers: this.workers, cost }
    if (this.workers === this.most) this.isSettled = true
    else this.workers = Math.min(this.most, Math.max(2, this.workers * 2))
  }
}
