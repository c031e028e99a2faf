import type { Session } from '../../adapters/database.js'
import type { Dialect, Key } from '../../dialects/dialect.js'
import { reading, readModeIn, type Scope } from '../connection/transaction.js'
import type { CheckFunction } from '../definition/definition.js'
import { readKey, writeKey } from '../pages/cursor.js'
import { type PageRow, rereadRows } from '../pages/keyset-reader.js'
import type { BoundColumn } from '../prepare/binder.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'
import { asksOn } from '../transform/asks.js'
import { transformRows } from '../transform/transform.js'
import { type AssertionOutcome, askAssertions, describeUnheld } from './assertions.js'
import { storedOtherwise, type WrittenSample, withoutChosen } from './recompute.js'
import { describeShared, findShared, type SharedValues } from './shared-values.js'

/** What was checked after a run, stored with it. */
export interface Verification {
  readonly isPassed: boolean
  /** Rows that still match `where` and are neither left on purpose nor listed as failures. */
  readonly remaining: number
  /** Rows of the sample that `verify.check` was asked about. */
  readonly checked: number
  /** Keys of those it was false for; at most ten. */
  readonly refused: readonly Key[]
  /** Columns of `unique` that no unique index is on, and in which a value is there twice. */
  readonly shared: readonly SharedValues[]
  /** What `verify.recompute` found; null = it was not asked for, or could not be: only the process that wrote a row can tell. */
  readonly recomputed: Recomputed | null
  /** The assertions of `verify.after`. */
  readonly assertions: readonly AssertionOutcome[]
}

/** Rows that were computed again. */
export interface Recomputed {
  readonly rows: number
  /** Rows of the sample that are not as their batch has left them, and were therefore passed over. */
  readonly changedSince: number
  /** Keys of rows that are not stored as they would be now; at most ten. */
  readonly different: readonly Key[]
}

/** What a verification stands on. */
export interface VerifiedPlace {
  readonly dialect: Dialect
  readonly scope: Scope
  readonly session: Session
  readonly prepared: PreparedBackfill
  readonly signal: AbortSignal
}

/** Everything a definition asks to be verified. `written`: what this process has written, if it is to be computed again. */
export async function verifyTable(
  place: VerifiedPlace,
  remaining: number,
  sample: readonly Key[],
  written: WrittenSample | undefined,
): Promise<Verification> {
  const { dialect, scope, session, prepared } = place
  const checked = await checkSample(dialect, scope, session, prepared, sample)
  const shared = await findShared(dialect, scope, session, prepared)
  const recomputed = written ? await recompute(place, written) : null
  const assertions = await askAssertions(dialect, scope, session, prepared.definition.verify.after)
  const isPassed =
    remaining === 0 &&
    checked.refused.length === 0 &&
    shared.length === 0 &&
    (recomputed?.different ?? []).length === 0 &&
    assertions.every(({ holds }) => holds)
  return { isPassed, remaining, ...checked, shared, recomputed, assertions }
}

/** Why a verification did not pass, in words; never with contents. */
export function describeVerification({
  remaining,
  checked,
  refused,
  shared,
  recomputed,
  assertions,
}: Verification): string {
  const keys = (found: readonly Key[]) => `keys ${found.map(writeKey).join(', ')}`
  const different = recomputed?.different ?? []
  const unheld = describeUnheld(assertions)
  const reasons = [
    ...(remaining > 0
      ? [
          `${remaining === 1 ? '1 row still matches' : `${remaining.toLocaleString('en-US')} rows still match`} \`where\``,
        ]
      : []),
    ...(refused.length > 0
      ? [`\`verify.check\` was false for ${refused.length} of ${checked} rows: ${keys(refused)}`]
      : []),
    ...shared.map(describeShared),
    ...(different.length > 0
      ? [`computed again, ${different.length} of ${recomputed?.rows} rows came out otherwise: ${keys(different)}`]
      : []),
    ...(unheld !== '' ? [`\`verify.after\` does not hold: ${unheld}`] : []),
  ]
  return reasons.join('; ')
}

async function recompute(place: VerifiedPlace, written: WrittenSample) {
  const { dialect, scope, session, prepared } = place
  const { work, plan } = prepared
  if (work.form !== 'transform' || written.keys.length === 0) return { rows: 0, changedSince: 0, different: [] }
  const everyRow = { ...plan, where: undefined }
  const found = await session.run(
    reading(dialect, scope, rereadRows(dialect, everyRow, written.keys, readModeIn(scope))),
  )
  const rows = written.unchanged(found.matching)
  const changes = withoutChosen(
    prepared,
    work,
    await transformRows(work, rows, asksOn(place, work.backfill, place.signal)),
  )
  const failed = changes.failures.map(({ key }) => readKey(key))
  const others =
    changes.sets.length > 0 ? await session.run(scope.wrap(storedOtherwise(dialect, prepared, changes))) : []
  return {
    rows: rows.length,
    changedSince: written.keys.length - rows.length,
    different: [...failed, ...others].slice(0, keysShown),
  }
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

  addAll(keys: readonly Key[]): void {
    for (const key of keys) this.add(key)
  }

  get keys(): readonly Key[] {
    return this.#keys
  }
}

const keysShown = 10

/** Asks `verify.check` about rows as they are stored now. Rows that match `where` again are not yet migrated and not asked about. */
async function checkSample(
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
    if (refused.length < keysShown) refused.push(row.key)
  }
  return { checked, refused }
}

/** What cannot be read as declared is not right either. */
function isRight(check: CheckFunction, columns: readonly BoundColumn[], row: PageRow): boolean {
  const values: Record<string, unknown> = {}
  try {
    for (const bound of columns) values[bound.property] = bound.decode(row.token(bound.position))
  } catch {
    return false
  }
  return check(values) === true
}
