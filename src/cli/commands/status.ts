import { setTimeout as sleep } from 'node:timers/promises'
import type { Database } from '../../adapters/database.js'
import { type RunReport, readStatus } from '../../runs/read-status.js'
import { readVersions } from '../../runs/versions/version-status.js'
import type { CommandSpec } from '../command.js'
import { clock, columns, count, counted, duration, percent, rate } from '../format.js'
import { isUndo } from '../go-on.js'
import { loadConfig, loadDefinitions, noDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'
import { reasonOf } from '../run-view.js'
import type { ShardEntry } from '../shard-entries.js'
import { exitCodeOfEntries, isWorkedOn, nextStep, type StatusEntry, statusEntries } from '../status-entries.js'
import { versionEntry, versionLines } from '../version-lines.js'

/** Between the two readings that a rate is made of. */
const rateSampleMs = 1_000

export const status: CommandSpec = {
  usage: 'status',
  summary: 'show every backfill, its run and its gate',
  description: `Shows every backfill of the config and the latest run of each: how far it is, how fast, who works on it, what failed, and
whether its gate is open, so that a migration that requires it may pass; then the schema versions of the code against those that
migrations have recorded. While somebody is at work it looks twice, a second
apart, to tell the rate.`,
  examples: [
    ['rowshift status', 'the table'],
    ['rowshift status --json | jq .backfills', 'for a script'],
    ['until rowshift status; do sleep 60; done', 'wait until every gate is open'],
  ],
  tenants: 'all',
  exitCodes: [
    '0  every gate is open',
    '1  a run failed',
    '3  a gate is shut: waiting, running, postponed, paused, cancelled or never run',
  ],
  async run({ options, output }) {
    const project = await loadConfig(options)
    const definitions = await loadDefinitions(project)
    return withDatabase(project, async (database) => {
      const [before, reports] = await readTwice(database)
      const versions = await readVersions(database)
      const entries = statusEntries(definitions.keys(), reports, before)
      const { paint } = output
      const next = nextStep(entries)
      return {
        exitCode: exitCodeOfEntries(entries),
        json: { database: database.label, backfills: entries, schema: versions.map(versionEntry), next: next ?? null },
        lines: [
          database.label,
          ...(entries.length === 0 ? [`  ${noDefinitions(project)}`] : tableOf(entries, output)),
          ...versionLines(versions, database.generateCommand),
          ...(next === undefined ? [] : [`${paint.dim('Next:')} ${next}`]),
        ],
      }
    })
  },
}

async function readTwice(
  database: Database,
): Promise<readonly [before: readonly RunReport[], now: readonly RunReport[]]> {
  const first = await readStatus(database)
  if (!first.some(isWorkedOn)) return [first, first]
  await sleep(rateSampleMs)
  return [first, await readStatus(database)]
}

function tableOf(entries: readonly StatusEntry[], { paint }: Output): readonly string[] {
  const head = ['  backfill', 'status', 'done', 'rate', 'left', 'failed', 'gate']
  const [headline, ...lines] = columns([head, ...entries.map(rowOf)])
  const painted = entries.map((entry, i) => {
    const color = { failed: paint.red, completed: paint.green, paused: paint.yellow, postponed: paint.yellow }[
      entry.status as string
    ]
    // Padded before it is painted: the codes of a color have a width of their own.
    return color ? lines[i]!.replace(statusText(entry), color(statusText(entry))) : lines[i]!
  })
  return [
    paint.dim(headline!),
    ...entries.flatMap((entry, i) => [painted[i]!, ...remarksOf(entry).map((text) => paint.dim(text))]),
  ]
}

function rowOf(entry: StatusEntry): readonly string[] {
  const { status: runStatus, done, rowsPerSecond, secondsLeft, failed } = entry
  const isBegun = runStatus !== 'never run'
  return [
    `  ${entry.backfill}`,
    statusText(entry),
    isBegun ? percent(done) : '-',
    rowsPerSecond === null ? '-' : rate(rowsPerSecond),
    secondsLeft === null ? '-' : duration(secondsLeft),
    isBegun ? count(failed) : '-',
    gateText(entry),
  ]
}

function statusText({ status: runStatus, pass }: StatusEntry): string {
  return runStatus === 'running' && pass > 0 ? `running, sweep ${pass}` : runStatus
}

function gateText({ backfill, gate }: StatusEntry): string {
  // No migration asks whether something was taken back.
  if (isUndo(backfill)) return '-'
  if (!gate.isOpen) return 'shut'
  return gate.samples > 0 ? `open: ${count(gate.samples - gate.refused)}/${count(gate.samples)} samples` : 'open'
}

function remarksOf(entry: StatusEntry): readonly string[] {
  const { reason, postponedUntil, noted, shards, isDefined, status: runStatus } = entry
  return [
    ...(reason === null ? [] : [`    ${reasonOf(reason.code, reason.message ?? undefined)}`]),
    ...(postponedUntil === null ? [] : [`    looks again at ${clock(postponedUntil)}`]),
    ...(noted === null ? [] : [`    follows changes until its gate: ${count(noted)} to be computed anew`]),
    ...shards.filter(({ worker }) => worker !== null).map((shard) => `    ${shardText(shard)}`),
    ...(isDefined || isUndo(entry.backfill) || runStatus === 'completed'
      ? []
      : ['    the config has no definition of this name']),
  ]
}

/** `shard 3  web-3:4711  38.2%  taken over from web-5:910, silent 6s` */
function shardText({ shard, worker, isAlive, done, scanned, lastBatchAt, takenOver }: ShardEntry): string {
  const parts = [`shard ${shard}`, worker!, done === null ? counted(scanned, 'row') : percent(done)]
  if (!isAlive) parts.push(`silent, its last batch was at ${clock(lastBatchAt)}; the next worker takes over`)
  else if (takenOver) parts.push(`taken over from ${takenOver.from}, silent ${duration(takenOver.silentMs / 1000)}`)
  return parts.join('  ')
}
