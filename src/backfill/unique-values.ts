import type { Script, Session } from '../adapters/database.js'
import type { Dialect, Key } from '../dialects/dialect.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { writeKey } from './cursor.js'
import type { BoundColumn, PreparedBackfill, PreparedTransform } from './prepare-backfill.js'
import type { Changes, UpdateSet } from './transform.js'

/** Suffixes tried for one value before it counts as hopeless: most often the function ignores its second argument. */
const maxSuffix = 1_000_000

/** Suffixes asked about at once when a value is taken; four times as many in each further round. */
const firstBlock = 4

/** Values whose last suffix is remembered, so that the 300th "san-jose" does not begin at 2 again. */
const rememberedValues = 100_000

type Next = (value: unknown, n: number) => unknown

/** A row that wants a value: where its text stands, and what the transform returned. */
interface Applicant {
  readonly key: Key
  readonly set: UpdateSet
  readonly row: number
  readonly cell: number
  readonly base: unknown
  readonly baseText: string
}

/**
 * Gives each row the first free of `slug`, `slug-2`, `slug-3`, ...: the same values, whatever the size of the pages, as if
 * rows were served one by one in key order. A unique index makes it safe against writers that come between: their clash
 * refuses the batch, and its page is done again.
 */
export class UniqueValues {
  /** By base text: every suffix up to this one is taken. */
  readonly #known = new Map<string, number>()

  constructor(
    private readonly dialect: Dialect,
    private readonly prepared: PreparedBackfill,
    private readonly work: PreparedTransform,
  ) {}

  /** Forgets what it knows: after a batch was refused, values it counted as given are free again. */
  forget(): void {
    this.#known.clear()
  }

  /** The changes with free values, in a number of queries that does not depend on the number of rows. */
  async allot(session: Session, changes: Changes, read: <T>(script: Script<T>) => Script<T>): Promise<Changes> {
    if (this.work.work.unique.size === 0 || changes.sets.length === 0) return changes
    const sets = changes.sets.map((set) => ({ ...set, rows: [...set.rows] }))
    for (const [property, next] of this.work.work.unique) {
      const bound = this.work.write.find((column) => column.property === property)!
      await this.serve(session, bound, this.applicants(sets, bound), next as Next, read)
    }
    return { ...changes, sets }
  }

  private applicants(sets: readonly UpdateSet[], bound: BoundColumn): Applicant[] {
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

  private async serve(
    session: Session,
    bound: BoundColumn,
    applicants: readonly Applicant[],
    next: Next,
    read: <T>(script: Script<T>) => Script<T>,
  ): Promise<void> {
    const isTaken = new Map<string, boolean>()
    let block = firstBlock
    let served = 0
    while (served < applicants.length) {
      const questions = new Map<string, Key>()
      let isInOrder = true
      for (let i = served; i < applicants.length; i++) {
        const applicant = applicants[i]!
        const free = this.firstFree(bound, applicant, next, isTaken)
        if (free.text === undefined) {
          // Those behind are asked about in the same query, but served only after this one.
          isInOrder = false
          this.ask(bound, applicant, next, free.n, free.n === 1 ? 1 : block, questions)
        } else if (isInOrder) {
          applicant.set.rows[applicant.row] = applicant.set.rows[applicant.row]!.with(applicant.cell, free.text)
          isTaken.set(free.text, true)
          this.remember(applicant.baseText, free.n)
          served = i + 1
        }
      }
      if (questions.size === 0) continue
      const values = [...questions].map(([text, key]) => ({ text, key }))
      const taken = new Set(await session.run(read(this.dialect.takenValues(this.prepared.info, bound.column, values))))
      for (const [i, { text }] of values.entries()) isTaken.set(text, taken.has(i))
      block *= 4
    }
  }

  /** The first suffix not known to be taken; its text is undefined while the database has not been asked. */
  private firstFree(
    bound: BoundColumn,
    applicant: Applicant,
    next: Next,
    isTaken: ReadonlyMap<string, boolean>,
  ): { readonly n: number; readonly text: string | undefined } {
    for (let n = (this.#known.get(applicant.baseText) ?? 0) + 1; n <= maxSuffix; n++) {
      const text = textOf(bound, applicant, next, n)
      const taken = isTaken.get(text)
      if (taken === undefined) return { n, text: undefined }
      if (!taken) return { n, text }
    }
    throw new RowshiftError('UNIQUE_EXHAUSTED', {
      message: `backfill "${this.prepared.definition.name}": \`unique\` on "${bound.property}" found no free value for the row with key ${writeKey(applicant.key)} in ${maxSuffix} tries. Check that it uses its second argument.`,
      details: { key: applicant.key },
    })
  }

  private ask(
    bound: BoundColumn,
    applicant: Applicant,
    next: Next,
    from: number,
    count: number,
    questions: Map<string, Key>,
  ) {
    for (let n = from; n < from + count; n++) questions.set(textOf(bound, applicant, next, n), applicant.key)
  }

  private remember(baseText: string, n: number): void {
    if (this.#known.size >= rememberedValues) this.#known.clear()
    this.#known.set(baseText, n)
  }
}

function textOf(bound: BoundColumn, applicant: Applicant, next: Next, n: number): string {
  if (n === 1) return applicant.baseText
  return bound.encode(next(applicant.base, n)) ?? applicant.baseText
}
