import type { Progress } from '../backfill/progress.js'
import { shareDone } from '../backfill/progress.js'
import { progressOf, type RunReport } from '../runs/read-status.js'
import type { RunStatus } from '../runs/run-status.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { goOn, isUndo } from './go-on.js'
import { type ShardEntry, shardEntries } from './shard-entries.js'

/** A backfill as `rowshift status` tells it: the document of `--json`, and the table's row. */
export interface StatusEntry {
  readonly backfill: string
  readonly runId: number | null
  readonly status: RunStatus | 'never run'
  /** False for a run whose definition the config no longer has. */
  readonly isDefined: boolean
  readonly table: string | null
  /** 0 = the first pass, 1 and up = sweeps. */
  readonly pass: number
  /** Share of the pass, 0 to 1; an estimate until it is 1. */
  readonly done: number
  /** Keys looked at in this pass, and rows of the table by statistics. */
  readonly scanned: number
  readonly estimatedRows: number
  readonly written: number
  readonly conflicts: number
  readonly failed: number
  /** Changes noted that are not yet computed anew; null = none are followed, or no more. */
  readonly noted: number | null
  /** Keys a second over the last moment; null when nobody works on it, or no batch ended meanwhile. */
  readonly rowsPerSecond: number | null
  readonly secondsLeft: number | null
  readonly reason: { readonly code: string; readonly message: string | null } | null
  /** When a postponed run is looked at again, ISO 8601 in UTC. */
  readonly postponedUntil: string | null
  readonly gate: { readonly isOpen: boolean; readonly samples: number; readonly refused: number }
  readonly shards: readonly ShardEntry[]
  readonly startedAt: string | null
  readonly finishedAt: string | null
}

const neverRun = {
  runId: null,
  status: 'never run',
  isDefined: true,
  table: null,
  pass: 0,
  done: 0,
  scanned: 0,
  estimatedRows: 0,
  written: 0,
  conflicts: 0,
  failed: 0,
  noted: null,
  rowsPerSecond: null,
  secondsLeft: null,
  reason: null,
  postponedUntil: null,
  gate: { isOpen: false, samples: 0, refused: 0 },
  shards: [],
  startedAt: null,
  finishedAt: null,
} as const satisfies Omit<StatusEntry, 'backfill'>

/** Whether somebody works on the run at this moment. */
export function isWorkedOn({ run, shards }: RunReport): boolean {
  return run.status === 'running' && shards.some((shard) => shard.isLeased)
}

/**
 * The defined backfills in their order, then runs whose definition is gone.
 * @param before an earlier reading of the same, which rates are measured against
 */
export function statusEntries(
  defined: Iterable<string>,
  reports: readonly RunReport[],
  before: readonly RunReport[],
): readonly StatusEntry[] {
  const byName = new Map(reports.map((report) => [report.run.name, report]))
  const entries: StatusEntry[] = []
  for (const backfill of defined) {
    const report = byName.get(backfill)
    byName.delete(backfill)
    entries.push(report ? entryOf(report, before, true) : { backfill, ...neverRun })
  }
  return [...entries, ...[...byName.values()].map((report) => entryOf(report, before, false))]
}

function entryOf(report: RunReport, before: readonly RunReport[], isDefined: boolean): StatusEntry {
  const { run } = report
  const status = run.status as RunStatus
  const progress = progressOf(report)
  const rowsPerSecond = rateSince(
    before.find((other) => other.run.id === run.id),
    report,
  )
  return {
    backfill: run.name,
    runId: run.id,
    status,
    isDefined,
    table: run.table,
    pass: run.pass,
    done: status === 'completed' || status === 'undone' ? 1 : shareDone(progress),
    scanned: progress.scanned,
    estimatedRows: progress.estimatedRows,
    written: progress.written,
    conflicts: progress.conflicts,
    failed: progress.failures,
    noted: report.noted ?? null,
    rowsPerSecond,
    secondsLeft: secondsLeft(progress, rowsPerSecond),
    reason: run.reasonCode === undefined ? null : { code: run.reasonCode, message: run.reason ?? null },
    postponedUntil: run.postponedUntil ?? null,
    gate: gateOf(report),
    shards: shardEntries(report),
    startedAt: run.startedAt ?? null,
    finishedAt: run.finishedAt ?? null,
  }
}

/** What the shards did between two readings, each from one commit of its own to another: the database's clock, exactly. */
function rateSince(before: RunReport | undefined, now: RunReport): number | null {
  if (before?.run.pass !== now.run.pass) return null
  let rate = 0
  for (const shard of now.shards) {
    const earlier = before.shards.find((other) => other.shard === shard.shard)
    const rows = shard.counters.passScanned - (earlier?.counters.passScanned ?? shard.counters.passScanned)
    const ms = earlier ? Date.parse(shard.updatedAt) - Date.parse(earlier.updatedAt) : 0
    if (rows > 0 && ms > 0) rate += (rows * 1000) / ms
  }
  return rate > 0 ? rate : null
}

function secondsLeft({ estimatedRows, scanned }: Progress, rowsPerSecond: number | null): number | null {
  const remaining = estimatedRows - scanned
  return rowsPerSecond === null || remaining <= 0 ? null : remaining / rowsPerSecond
}

/** As the run ended: the gate itself looks at the table again when a migration passes it. */
function gateOf({ run, failures }: RunReport): StatusEntry['gate'] {
  const stored = JSON.parse(run.verification ?? 'null') as { checked?: number; refused?: readonly unknown[] } | null
  const isOpen = run.status === 'completed' && failures.failed === 0
  return { isOpen, samples: stored?.checked ?? 0, refused: stored?.refused?.length ?? 0 }
}

/** 1 when a run failed, 3 while a gate is shut, 0 when every gate is open. What is cancelled or undone and no longer defined counts no more. */
export function exitCodeOfEntries(entries: readonly StatusEntry[]): ExitCode {
  if (entries.some(({ status }) => status === 'failed')) return exitCodes.failed
  const isOver = ({ isDefined, status }: StatusEntry) => !isDefined && (status === 'cancelled' || status === 'undone')
  return entries.some((entry) => !entry.gate.isOpen && !isOver(entry)) ? exitCodes.unfinished : exitCodes.done
}

/** The most urgent next step; undefined when there is none. */
export function nextStep(entries: readonly StatusEntry[]): string | undefined {
  const find = (test: (entry: StatusEntry) => boolean) => entries.find(test)?.backfill
  const withFailures = find(({ status, failed }) => status === 'failed' && failed > 0)
  if (withFailures !== undefined) return `rowshift failures ${withFailures}`
  const failed = find(({ status }) => status === 'failed')
  if (failed !== undefined) return goOn(failed)
  const paused = find(({ status }) => status === 'paused')
  if (paused !== undefined) return `rowshift resume ${paused}`
  const isWaiting = ({ status, shards }: StatusEntry) =>
    status === 'scheduled' || status === 'interrupted' || (status === 'running' && !shards.some((s) => s.isAlive))
  if (find((entry) => entry.isDefined && isWaiting(entry)) !== undefined) return 'rowshift work'
  const halfUndone = find((entry) => isUndo(entry.backfill) && isWaiting(entry))
  if (halfUndone !== undefined) return goOn(halfUndone)
  const unstarted = find(({ status, isDefined }) => isDefined && (status === 'never run' || status === 'cancelled'))
  return unstarted === undefined ? undefined : `rowshift run ${unstarted}`
}
