import type { Session } from '../adapters/database.js'
import type { Dialect, Key } from '../dialects/dialect.js'
import type { CheckFunction } from './definition/definition.js'
import { type PageRow, rereadRows } from './keyset-reader.js'
import type { BoundColumn, PreparedBackfill } from './prepare-backfill.js'
import { reading, type Scope } from './transaction.js'

/** What was checked after a run, stored with it. */
export interface Verification {
  readonly isPassed: boolean
  /** Rows that still match `where` and are neither left on purpose nor listed as failures. */
  readonly remaining: number
  /** Rows of the sample that `verify.check` was asked about. */
  readonly checked: number
  /** Keys of those it was false for; at most ten. */
  readonly refused: readonly Key[]
}

/** A sample of the keys a run has met, each with the same chance: reservoir sampling (Vitter 1985, algorithm R). */
export class KeySample {
  readonly #keys: Key[] = []
  #seen = 0

  constructor(
    private readonly size: number,
    private readonly random: () => number = Math.random,
  ) {}

  add(key: Key): void {
    this.#seen++
    if (this.#keys.length < this.size) this.#keys.push(key)
    else {
      const at = Math.floor(this.random() * this.#seen)
      if (at < this.size) this.#keys[at] = key
    }
  }

  get keys(): readonly Key[] {
    return this.#keys
  }
}

const refusedKeysShown = 10

/** Asks `verify.check` about rows as they are stored now. Rows that match `where` again are not yet migrated and not asked about. */
export async function checkSample(
  dialect: Dialect,
  scope: Scope,
  session: Session,
  prepared: PreparedBackfill,
  sample: readonly Key[],
): Promise<Pick<Verification, 'checked' | 'refused'>> {
  const check = prepared.definition.verify.check
  const { work } = prepared
  if (!check || work.form !== 'transform' || sample.length === 0) return { checked: 0, refused: [] }
  // Migrated rows no longer match, so the sample is read without `where`.
  const plan = { ...prepared.plan, where: undefined }
  const columns = [
    ...work.select.filter((bound) => !work.write.some((w) => w.property === bound.property)),
    ...work.write,
  ]
  const migrated = prepared.plan.where
    ? new Set(
        (await session.run(reading(dialect, scope, rereadRows(dialect, prepared.plan, sample, 'plain')))).others.map(
          (key) => JSON.stringify(key),
        ),
      )
    : undefined
  const { matching } = await session.run(reading(dialect, scope, rereadRows(dialect, plan, sample, 'plain')))
  const refused: Key[] = []
  let checked = 0
  for (const row of matching) {
    if (migrated && !migrated.has(JSON.stringify(row.key))) continue
    checked++
    if (isRight(check, columns, row)) continue
    if (refused.length < refusedKeysShown) refused.push(row.key)
  }
  return { checked, refused }
}

/** What cannot be read as declared is not right either. */
function isRight(check: CheckFunction, columns: readonly BoundColumn[], row: PageRow): boolean {
  const values: Record<string, unknown> = {}
  try {
    for (const bound of columns) values[bound.property] = bound.decode(row.tokens[bound.position] ?? null)
  } catch {
    return false
  }
  return check(values) === true
}
