import type { Dialect, Key, ReadMode } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { writeKey } from '../pages/cursor.js'
import type { BoundColumn } from '../prepare/binder.js'
import type { PreparedBackfill, PreparedTransform } from '../prepare/prepare-backfill.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { Changes } from '../transform/transform.js'

/** Suffixes tried for one value before it counts as hopeless: most often the function ignores its second argument. */
const maxSuffix = 1_000_000

/** Values whose last suffix is remembered, so that the 300th "san-jose" does not begin at 2 again. */
const rememberedValues = 100_000

type Next = (value: unknown, n: number) => unknown

/** A row that wants a value: where its text stands, and what the transform returned. */
interface Applicant {
  readonly key: Key
  readonly set: ChangeSet
  readonly row: number
  readonly cell: number
  readonly base: unknown
  readonly baseText: string
}

/**
 * Gives each row the first free of `slug`, `slug-2`, `slug-3`, ...: the same values, whatever the size of the pages, as if
 * rows were served one by one in key order. A unique index makes it safe against writers that come between: their clash
 * refuses the batch, and values are chosen anew.
 */
export class UniqueValues {
  /** By base text: every suffix up to this one is taken. */
  readonly #known = new Map<string, number>()
  /** Whether somebody else was seen to take values at the same time: they are then chosen and written in one transaction. */
  isContended = false

  constructor(
    private readonly dialect: Dialect,
    private readonly prepared: PreparedBackfill,
    private readonly work: PreparedTransform,
  ) {}

  /** Whether there is a value to be given at all. */
  concerns({ sets }: Pick<Changes, 'sets'>): boolean {
    return this.work.work.unique.size > 0 && sets.length > 0
  }

  /** Forgets what it knows: after a batch was refused, values it counted as given are free again. */
  forget(): void {
    this.#known.clear()
  }

  /**
   * The changes with free values, in a number of queries that does not depend on the number of rows. `forget` after a fault: it
   * counts as given what it was about to give.
   */
  *allot(changes: Changes, mode: ReadMode): Script<Changes> {
    if (!this.concerns(changes)) return changes
    const sets = changes.sets.map((set) => ({ ...set, rows: [...set.rows] }))
    for (const [property, next] of this.work.work.unique) {
      const bound = this.work.write.find((column) => column.property === property)!
      yield* this.serve(bound, this.applicants(sets, bound), next as Next, mode)
    }
    return { ...changes, sets }
  }

  private applicants(sets: readonly ChangeSet[], bound: BoundColumn): Applicant[] {
    const keys = this.prepared.info.key.length
    const first = keys + this.prepared.plan.read.length
    return sets.flatMap((set) => {
      const at = set.columns.indexOf(bound)
      if (at < 0) return []
      const cell = first + at
      return set.rows.flatMap((cells, row): Applicant[] => {
        const baseText = cells[cell]
        if (baseText === null || baseText === undefined) return []
        const base = set.originals.get(bound.property)?.[row]
        return [{ key: cells.slice(0, keys) as string[], set, row, cell, base, baseText }]
      })
    })
  }

  private *serve(bound: BoundColumn, applicants: readonly Applicant[], next: Next, mode: ReadMode): Script<void> {
    const page = new PageValues()
    let served = 0
    while (served < applicants.length) {
      const round = this.playRound(bound, applicants.slice(served), next, page)
      served += round.served
      if (round.questions.size === 0) continue
      const values = [...round.questions].map(([text, key]) => ({ text, key }))
      const taken = new Set(yield* this.dialect.takenValues(this.prepared.info, bound.column, values, mode))
      for (const [i, { text }] of values.entries()) page.answer(text, taken.has(i))
      const { asked } = page
      if (asked.length > 1) {
        const rows = asked.map((text) => [text])
        page.sort(asked, yield* this.dialect.sameValues(this.prepared.info, [bound.column], rows))
      }
    }
  }

  /**
   * Serves applicants in order until one needs a text that the database has not been asked about; for those behind it goes on
   * as if every such text were free, only to learn all questions of this round.
   */
  private playRound(
    bound: BoundColumn,
    applicants: readonly Applicant[],
    next: Next,
    page: PageValues,
  ): { readonly served: number; readonly questions: ReadonlyMap<string, Key> } {
    const questions = new Map<string, Key>()
    const assumed = new Set<string>()
    const begin = new Map<string, number>()
    let served = 0
    for (const applicant of applicants) {
      let n = begin.get(applicant.baseText) ?? (this.#known.get(applicant.baseText) ?? 0) + 1
      let text = this.textOf(bound, applicant, next, n)
      while (page.isTaken(text) || assumed.has(page.valueOf(text))) {
        if (++n > maxSuffix) throw this.exhausted(bound, applicant)
        text = this.textOf(bound, applicant, next, n)
      }
      if (!page.isAnswered(text)) {
        const missed = begin.has(applicant.baseText) ? 0 : page.missesOf(applicant.baseText)
        questions.set(text, applicant.key)
        for (let i = n + 1; i < n + 4 ** missed; i++) {
          const further = candidate(bound, applicant, next, i)
          // Not yet a fault: it may not come to this one.
          if (further instanceof Error) break
          questions.set(further, applicant.key)
        }
        if (!begin.has(applicant.baseText)) page.missed(applicant.baseText)
      } else if (questions.size === 0) {
        applicant.set.rows[applicant.row] = applicant.set.rows[applicant.row]!.with(applicant.cell, text)
        page.give(text)
        this.remember(applicant.baseText, n)
        served++
      }
      begin.set(applicant.baseText, n)
      if (questions.size > 0) assumed.add(page.valueOf(text))
    }
    return { served, questions }
  }

  private textOf(bound: BoundColumn, applicant: Applicant, next: Next, n: number): string {
    const text = candidate(bound, applicant, next, n)
    if (text instanceof Error) throw this.exhausted(bound, applicant, text)
    return text
  }

  private exhausted(bound: BoundColumn, applicant: Applicant, fault?: Error): RowshiftError {
    const found = `\`unique\` on "${bound.property}" found no free value for the row with key ${writeKey(applicant.key)}`
    const why = fault
      ? `: its next one is none of the column's: ${fault.message}. Shorten what it adds to.`
      : ` in ${maxSuffix} tries. Check that it uses its second argument.`
    return new RowshiftError('UNIQUE_EXHAUSTED', {
      message: `backfill "${this.prepared.definition.name}": ${found}${why}`,
      details: { key: applicant.key },
    })
  }

  private remember(baseText: string, n: number): void {
    if (this.#known.size >= rememberedValues) this.#known.clear()
    this.#known.set(baseText, n)
  }
}

/**
 * What is known of values while one page is served. Texts that the column counts as the same value ('Oslo' and 'oslo' under many
 * collations) stand for one: the first of them that was asked about.
 */
class PageValues {
  readonly #isTaken = new Map<string, boolean>()
  readonly #given = new Set<string>()
  readonly #value = new Map<string, string>()
  /** Rounds in which a base's suffixes were all taken: each asks about four times as many. */
  readonly #misses = new Map<string, number>()

  get asked(): readonly string[] {
    return [...this.#isTaken.keys()]
  }

  answer(text: string, isTaken: boolean): void {
    this.#isTaken.set(text, isTaken)
  }

  /** `firsts`: for each text the position of the first that is the same value. */
  sort(texts: readonly string[], firsts: readonly number[]): void {
    for (const [i, text] of texts.entries()) this.#value.set(text, texts[firsts[i]!]!)
  }

  valueOf(text: string): string {
    return this.#value.get(text) ?? text
  }

  isAnswered(text: string): boolean {
    return this.#isTaken.has(text)
  }

  /** By another row, or by one of this page. */
  isTaken(text: string): boolean {
    return this.#isTaken.get(text) === true || this.#given.has(this.valueOf(text))
  }

  give(text: string): void {
    this.#given.add(this.valueOf(text))
  }

  missesOf(base: string): number {
    return this.#misses.get(base) ?? 0
  }

  missed(base: string): void {
    this.#misses.set(base, this.missesOf(base) + 1)
  }
}

/** The text of the n-th value, or why there is none. */
function candidate(bound: BoundColumn, applicant: Applicant, next: Next, n: number): string | Error {
  if (n === 1) return applicant.baseText
  try {
    return bound.encode(next(applicant.base, n)) ?? applicant.baseText
  } catch (error) {
    return error instanceof Error ? error : new TypeError('`unique` threw something that is no error')
  }
}
