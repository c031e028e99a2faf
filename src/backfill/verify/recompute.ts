import { createHash } from 'node:crypto'
import type { Dialect, Key, UpdateRow } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import { byHalves } from '../batch/by-halves.js'
import { type Decision, undo } from '../connection/transaction.js'
import { readKey, writeKey } from '../pages/cursor.js'
import { type PageRow, rereadRows } from '../pages/keyset-reader.js'
import type { PreparedBackfill, PreparedTransform } from '../prepare/prepare-backfill.js'
import type { ChangeSet } from '../transform/change-set.js'
import type { Changes } from '../transform/transform.js'

/**
 * Rows that this process has written, each with the same chance, and a hash of each as its batch left it: read in the batch's
 * transaction, so that nobody can have come between.
 */
export class WrittenSample {
  readonly #rows: { readonly key: string; readonly hash: string }[] = []
  #seen = 0

  constructor(
    private readonly size: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Which of the rows of a batch are to be looked at once they are written. */
  choose(sets: readonly ChangeSet[], keyColumns: number): readonly Key[] {
    const chosen: Key[] = []
    for (const { rows } of sets) {
      for (const row of rows)
        if (this.random() * ++this.#seen < this.size) chosen.push(row.slice(0, keyColumns) as string[])
    }
    return chosen
  }

  /** Rows that were chosen and written, as they are now. */
  keep(rows: readonly PageRow[]): void {
    for (const row of rows) {
      const at = this.#rows.length < this.size ? this.#rows.length : Math.floor(this.random() * this.size)
      this.#rows[at] = { key: writeKey(row.key), hash: hashOf(row) }
    }
  }

  get keys(): readonly Key[] {
    return [...this.#hashes().keys()].map(readKey)
  }

  /** Those of the rows that are as they were left. */
  unchanged(rows: readonly PageRow[]): readonly PageRow[] {
    const hashes = this.#hashes()
    return rows.filter((row) => hashes.get(writeKey(row.key)) === hashOf(row))
  }

  /** A row may have been written twice, when an application has undone what the run had done. */
  #hashes(): ReadonlyMap<string, string> {
    return new Map(this.#rows.map(({ key, hash }) => [key, hash]))
  }
}

function hashOf({ tokens }: PageRow): string {
  return createHash('sha256').update(JSON.stringify(tokens)).digest('base64')
}

/** Values that `unique` may give are tried up to this number, to find the one that a row was given. */
const mostCandidates = 10_000

/**
 * The changes as they are but for values that `unique` has chosen: which of them a row was given depends on the others, so any of
 * them is right. Rows that do not differ otherwise are left out.
 */
export function withoutChosen(prepared: PreparedBackfill, work: PreparedTransform, changes: Changes): Changes {
  const { unique } = work.work
  if (unique.size === 0) return changes
  const keys = prepared.info.key.length
  const first = keys + prepared.plan.read.length
  const settled = (set: ChangeSet, row: UpdateRow, at: number): UpdateRow => {
    const cells = [...row]
    for (const [i, { property, position, encode }] of set.columns.entries()) {
      const next = unique.get(property)
      const stored = row[keys + position] ?? null
      const value = set.originals.get(property)?.[at]
      if (next && isCandidate(stored, (n) => encode(next(value, n)))) cells[first + i] = stored
    }
    return cells
  }
  const differs = (set: ChangeSet, row: UpdateRow) =>
    set.columns.some(({ position }, i) => row[first + i] !== row[keys + position])
  const sets = changes.sets.map((set) => ({
    ...set,
    rows: set.rows.map((row, at) => settled(set, row, at)).filter((row) => differs(set, row)),
  }))
  return { ...changes, sets: sets.filter(({ rows }) => rows.length > 0) }
}

function isCandidate(stored: string | null, candidate: (n: number) => string | null): boolean {
  for (let n = 2; stored !== null && n <= mostCandidates; n++) if (candidate(n) === stored) return true
  return false
}

/**
 * Which rows the database would store otherwise than they are, if the changes were written: a text may differ where the value does
 * not, once the column has had it. The body of a transaction that is always rolled back.
 */
export function* storedOtherwise(
  dialect: Dialect,
  prepared: PreparedBackfill,
  changes: Changes,
): Script<Decision<readonly Key[]>> {
  const keys = prepared.info.key.length
  const plan = { ...prepared.plan, where: undefined, endsWithWrite: false }
  const keyOf = (row: UpdateRow) => row.slice(0, keys) as string[]
  const before = new Map<string, string>()
  const refused: Key[] = []
  for (const { columns, rows: all } of changes.sets) {
    // What somebody changes from now on has to wait.
    const guarded = new Set(yield* dialect.lockGuarded(plan, all))
    const rows = all.filter((_, i) => guarded.has(i))
    for (const row of rows) before.set(writeKey(keyOf(row)), JSON.stringify(row.slice(keys, keys + plan.read.length)))
    function* write(part: readonly UpdateRow[]): Script<void> {
      yield* dialect.updateRows(
        plan,
        columns.map(({ column }) => column),
        part,
      )
    }
    yield* byHalves(dialect, rows, write, (row) => refused.push(keyOf(row)))
  }
  const { matching } = yield* rereadRows(dialect, plan, [...before.keys()].map(readKey), 'current')
  const others = matching.filter((row) => before.get(writeKey(row.key)) !== JSON.stringify(row.tokens))
  return undo([...refused, ...others.map(({ key }) => key)])
}
