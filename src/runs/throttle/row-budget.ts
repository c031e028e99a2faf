import type { Script } from '../../dialects/script.js'
import type { Held, Place } from './throttle.js'
import type { WallClock } from './window.js'

/** Takes rows of a day's budget: as many as are left, up to those wanted. Durable, and one taker at a time. */
export type TakeRows = (day: string, wanted: number, most: number) => Script<number>

/** Rows taken from the tables at a time, as a share of the day's: so seldom that workers do not stand in line for it. */
const shareTaken = 200

/**
 * Rows that may be written a day, over all runs and workers. They are taken in advance and what is not used is given back, so that the
 * budget is never exceeded; what a killed worker had taken is lost to its day.
 */
export class RowBudget {
  #day = ''
  #left = 0
  #isScarce = false

  constructor(
    private readonly rowsPerDay: number,
    private readonly clock: WallClock,
    private readonly take: TakeRows,
  ) {}

  /** Whether the last page was too large for what is left of the day. */
  get isScarce(): boolean {
    return this.#isScarce
  }

  /** Rows that may still be written. */
  get left(): number {
    return this.#left
  }

  /** Whether so many rows may be written now; they are counted if so. */
  async admit(rows: number, place: Place): Promise<boolean> {
    await this.#refill(rows, place)
    this.#isScarce = this.#left < rows
    if (this.#isScarce) return false
    this.#left -= rows
    return true
  }

  /** Rows that were admitted and not written after all. */
  refund(rows: number): void {
    this.#left += rows
  }

  async look(place: Place): Promise<Held | undefined> {
    await this.#refill(1, place)
    if (this.#left > 0) return undefined
    const time = place.now()
    const { day } = this.clock.at(time)
    return {
      reason: `the ${this.rowsPerDay.toLocaleString('en-US')} rows of ${day} are written`,
      forMs: this.clock.until(time, (then) => then.day !== day),
    }
  }

  /** Gives back what is left. */
  async giveBack(place: Place): Promise<void> {
    const left = this.#left
    this.#left = 0
    if (left > 0) await place.change(this.take(this.#day, -left, this.rowsPerDay))
  }

  async #refill(rows: number, place: Place): Promise<void> {
    const { day } = this.clock.at(place.now())
    if (day !== this.#day) {
      // What was left of yesterday is of no use today.
      this.#day = day
      this.#left = 0
    }
    if (this.#left >= rows) return
    const wanted = Math.max(rows - this.#left, Math.ceil(this.rowsPerDay / shareTaken))
    this.#left += await place.change(this.take(day, wanted, this.rowsPerDay))
  }
}
