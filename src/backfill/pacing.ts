import { FixedCost } from './fixed-cost.js'

/** How fast batches may grow from one to the next: slowly, because what follows is not known. */
const growth = 1.2

/** Rows of a first batch that nobody has limited: small even where rows are wide. */
export const firstRows = 100

/** While little is known of a table, batches grow faster. */
const firstGrowth = 2

/** Rows that batches without a limit soon have: what one looks like that is tried out. */
export const usualRows = 2_000

/** Time aimed at, as a share of the target: what lies between the two is near enough, and nothing is changed. */
const aim = 0.9

/** Rows of a batch that nobody has limited: beyond, a transaction's locks and garbage grow, and its speed does not. */
export const mostRows = 50_000

/** Characters of a page, as read: a page is held in memory twice, read ahead and written. */
export const pageCharacters = 8 * 1024 * 1024

/** Statements of a batch, or of a page's read, that are waited for one after another. */
const roundTrips = 4

/** What a run may be told while it goes on; from the next batch on it holds. */
export interface PaceSettings {
  /** Rows a batch looks at, at most; undefined = as many as fit the time, 50,000 at most. */
  readonly batchRows: number | undefined
  /** Rest after each batch that wrote. */
  readonly delayMs: number
  /** How long a batch may burden the database. */
  readonly targetMs: number
}

/** What a batch was like. */
export interface PacedBatch {
  /** Keys looked at. */
  readonly keys: number
  /** Rows among them that were to be written. */
  readonly rows: number
  /** How long the database was busy with it: the longer of its page's read and its transaction. */
  readonly databaseMs: number
  /** The same with the transform, which holds no lock but must not outlast the lease. */
  readonly totalMs: number
}

/**
 * How many keys a page has: as many as keep its batch near the target duration, within the bounds of rows and of characters.
 * One belongs to a worker's work on a run and learns from batch to batch, over all its shards.
 *
 * A transform is not hurried: it holds no lock. But a worker whose batches outlast half of its lease could never commit once the
 * lease is lost on the way, so then batches shrink as well.
 */
export class Pace {
  #rows: number
  #charactersPerKey = 0
  #roundTripMs: number | undefined
  readonly #fixedCost = new FixedCost()
  #settings: PaceSettings

  constructor(private readonly base: PaceSettings) {
    this.#settings = base
    this.#rows = base.batchRows ?? firstRows
  }

  get settings(): PaceSettings {
    return this.#settings
  }

  /** Rows of the next page, at least one. */
  get rows(): number {
    const fitting = pageCharacters / this.#charactersPerKey
    return Math.max(1, Math.floor(Math.min(this.#rows, this.#most, fitting)))
  }

  /**
   * Rows of a page that has been read already and is not to be cut: as many as are set, and twice those that the pace aims at. Only
   * a pace that was halved meanwhile is worth another read.
   */
  get mostRows(): number {
    return Math.min(this.#most, 2 * this.rows - 1)
  }

  get #most(): number {
    return this.#settings.batchRows ?? mostRows
  }

  /** What the run has been told while it goes on: before the settings it began with, and from the next page on. */
  override({ batchRows, delayMs, targetMs }: Partial<PaceSettings>): void {
    this.#settings = {
      batchRows: batchRows ?? this.base.batchRows,
      delayMs: delayMs ?? this.base.delayMs,
      targetMs: targetMs ?? this.base.targetMs,
    }
    this.#rows = Math.min(this.#rows, this.#most)
  }

  /** A page has been read: how wide its rows are. Wider ones count at once, narrower ones by and by. */
  read(keys: number, characters: number): void {
    if (keys === 0) return
    const now = characters / keys
    this.#charactersPerKey = Math.max(now, (this.#charactersPerKey + now) / 2)
  }

  /** A statement that does next to nothing has been answered: the shortest tells how far away the database is. */
  answered(ms: number): void {
    this.#roundTripMs = Math.min(ms, this.#roundTripMs ?? ms)
  }

  /**
   * After a batch, without the time its statements were under way and without what each batch takes, neither of which fewer rows would
   * shorten: where the latter is most of the target, a batch may take twice that. Its own size is what the next one is made from, because
   * the page after it had been read before it ended. A page with few rows to write lets batches grow as if all of it had been written,
   * because all of the next one may be.
   */
  took({ keys, rows, databaseMs, totalMs }: PacedBatch, leaseMs: number): void {
    const { targetMs } = this.#settings
    const burdenMs = Math.max(0, databaseMs - roundTrips * (this.#roundTripMs ?? 0))
    this.#fixedCost.took(keys, burdenMs)
    const fixedMs = Math.min(burdenMs, this.#fixedCost.ms)
    const shareOf = (ms: number, mostMs: number) => (ms - fixedMs) / Math.max(mostMs - fixedMs, fixedMs)
    const share = Math.max(shareOf(burdenMs, Math.min(targetMs, leaseMs / 2)), shareOf(totalMs, leaseMs / 2))
    const shareIfAll = (share * keys) / Math.max(1, rows)
    if (share > 1) {
      const fewer = Math.max(keys * Math.max(aim / share, 0.5), this.rows / 2)
      // One key tells nothing of what it costs to have a batch at all, so two are tried.
      this.#rows = keys === 1 ? 2 : Math.max(1, Math.min(this.#rows, fewer))
    } else if (shareIfAll < aim) {
      const most = keys < usualRows ? Math.min(keys * firstGrowth, Math.max(usualRows, keys * growth)) : keys * growth
      this.#rows = Math.min(this.#most, Math.max(this.#rows, Math.min((keys * aim) / shareIfAll, most)))
    }
  }

  /** A timeout, a deadlock or another fault that may pass: the next batch burdens less. */
  halve(): void {
    this.#rows = Math.max(1, this.rows / 2)
  }
}
