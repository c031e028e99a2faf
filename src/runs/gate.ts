import type { Database, Session } from '../adapters/database.js'
import { batchLimits } from '../backfill/connection/limits.js'
import { reading, type Scope } from '../backfill/connection/transaction.js'
import { countMatching } from '../backfill/pages/walk-keys.js'
import type { PreparedBackfill } from '../backfill/prepare/prepare-backfill.js'
import { shareDone } from '../backfill/progress.js'
import { describeShared, findShared } from '../backfill/verify/shared-values.js'
import type { Verification } from '../backfill/verify/verify.js'
import type { RunRow, ShardRow } from '../dialects/state-statements.js'
import { tableText } from '../dialects/table.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { fakedCode } from './control/fake-run.js'

/**
 * Checks that the latest run is completed and verified, and again itself that no row matches: rows may have come since. In a
 * transaction it first keeps writers out, until the contract that follows has been committed.
 */
export async function requireOpenGate(
  database: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedBackfill,
): Promise<void> {
  const run = await requireCompleted(database, session, scope, prepared)
  if (scope.isEnclosing) await session.run(database.dialect.lockTable(prepared.info.table, batchLimits.lockTimeoutMs))
  await requireNoMatch(database, session, scope, prepared, run)
}

/** The latest run, completed without a failure that is still listed. @throws RowshiftError GATE_SHUT */
export async function requireCompleted(
  { dialect, stateNames }: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedBackfill,
): Promise<RunRow> {
  const { name } = prepared.definition
  const look = function* () {
    const run = yield* dialect.state.latestRun(stateNames, name)
    const shards = run ? yield* dialect.state.shards(stateNames, run.id) : []
    const failures = run ? yield* dialect.state.countFailures(stateNames, run.id) : undefined
    return { run, shards, failures }
  }
  const { run, shards, failures } = await session.run(reading(dialect, scope, look()))
  if (run?.status !== 'completed') throw shut(prepared, run, shards, failures?.failed ?? 0)
  const verification = JSON.parse(run.verification ?? 'null') as Verification | null
  // Whoever marks a run as completed by hand answers for it.
  if (run.reasonCode !== fakedCode && verification?.isPassed !== true) {
    throw new RowshiftError('GATE_SHUT', {
      message: `run ${run.id} of "${name}" is completed, but has no verification that it passed. \`rowshift run ${name}\` makes a new run; then migrate again.`,
      details: { backfill: name, run: run.id, status: run.status },
    })
  }
  if (failures && failures.failed > 0) {
    throw new RowshiftError('GATE_SHUT', {
      message: `run ${run.id} of "${name}" is completed, but ${failures.failed} of its rows could not be migrated. See \`rowshift failures ${name}\`, mend the cause, \`rowshift replay ${name}\`, then migrate again.`,
      details: { backfill: name, run: run.id, status: run.status, failures: failures.failed },
    })
  }
  return run
}

/** No row matches but those that were left on purpose, and no value is there twice that must not be. @throws RowshiftError GATE_SHUT */
export async function requireNoMatch(
  { dialect, stateNames }: Database,
  session: Session,
  scope: Scope,
  prepared: PreparedBackfill,
  run: RunRow,
): Promise<void> {
  const { name } = prepared.definition
  const details = { backfill: name, run: run.id, status: run.status }
  const [shared] = await findShared(dialect, scope, session, prepared)
  if (shared) {
    throw new RowshiftError('GATE_SHUT', {
      message: `run ${run.id} of "${name}" is completed, but ${describeShared(shared)}. Nothing but a unique index keeps an application from taking a value twice. Change one of the two, then migrate again.`,
      details,
    })
  }
  if (!prepared.plan.endsWithWrite) return
  const shards = await session.run(reading(dialect, scope, dialect.state.shards(stateNames, run.id)))
  const left = shards.reduce((sum, shard) => sum + shard.counters.passLeft, 0)
  const matching = await countMatching(dialect, session, scope, prepared.plan, { limit: left })
  if (matching > left) {
    throw new RowshiftError('GATE_SHUT', {
      message: `run ${run.id} of "${name}" is completed, but rows of "${tableText(prepared.info.table)}" match again: some application still writes the old way. Deploy the code that fills the new columns, then \`rowshift run ${name}\` and migrate again.`,
      details,
    })
  }
}

function shut(
  prepared: PreparedBackfill,
  run: RunRow | undefined,
  shards: readonly ShardRow[],
  failures: number,
): RowshiftError {
  const { name } = prepared.definition
  const details = { backfill: name, run: run?.id, status: run?.status, failures }
  const say = (message: string) => new RowshiftError('GATE_SHUT', { message, details })
  if (!run) {
    return say(`"${name}" has never been run. Schedule it in an earlier migration, or \`rowshift run ${name}\`.`)
  }
  const state = `run ${run.id} of "${name}" is ${run.status}${run.reasonCode ? ` (${run.reasonCode})` : ''}`
  const scanned = shards.reduce((sum, shard) => sum + shard.counters.passScanned, 0)
  const share = shareDone({ scanned, estimatedRows: run.estimatedRows })
  const left = `${state}, ${run.pass > 0 ? `sweep ${run.pass} ` : ''}${Math.floor(100 * share)} % done`
  switch (run.status) {
    case 'failed':
      return say(
        `${state}: ${run.reason ?? ''}. See \`rowshift failures ${name}\`, mend the cause, \`rowshift ${failures > 0 ? 'replay' : 'run'} ${name}\`, then migrate again.`,
      )
    case 'paused':
      return say(`${left}. \`rowshift resume ${name}\`, let \`rowshift work\` finish it, then migrate again.`)
    case 'cancelled':
    case 'undone':
      return say(`${state}. \`rowshift run ${name}\` makes a new run; then migrate again.`)
    default:
      return say(`${left}. \`rowshift work\` or \`rowshift run ${name}\` finishes it; then migrate again.`)
  }
}
