import type { Database } from '../../adapters/database.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { type ReplayReport, replayFailures } from '../../runs/control/replay.js'
import { readStatus } from '../../runs/read-status.js'
import type { CommandSpec } from '../command.js'
import { membersOf } from '../each-member.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { count, counted } from '../format.js'
import { definitionNamed, loadConfig, loadDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'
import { describeResult, headlineOf, nextCommand, RunView } from '../run-view.js'

export const replay: CommandSpec = {
  usage: 'replay [name]',
  summary: 'try the rows again that could not be migrated',
  description: `Tries the failures again that \`rowshift failures\` lists, after their cause was mended: rows that can be migrated now, or that
are gone, are taken off the list. Then the run goes on with what it has left, and is verified. For runs that failed, and for
those that were completed with failures, whose gate is shut until none is left. Without a name: every backfill with failures.`,
  examples: [
    ['rowshift replay city.slug', 'try its failures again'],
    ['rowshift replay --json', 'those of all backfills, for a script'],
  ],
  tenants: 'carefully',
  exitCodes: [
    '0  completed, and no failure is left',
    '1  failures are left, or the run failed',
    '3  interrupted: `rowshift run <name>` goes on',
  ],
  async run({ name, options, output }) {
    const project = await loadConfig(options)
    const definitions = await loadDefinitions(project)
    const sequence = definitions.sequences.get(name)
    const among = sequence ? new Map(membersOf(sequence).map((one) => [one, definitions.get(one)!])) : definitions
    const named = name === '' || sequence ? undefined : definitionNamed(project, definitions, name)
    const view = new RunView(output)
    try {
      return await withDatabase(project, async (database) => {
        const reports: ReplayReport[] = []
        for (const definition of named ? [named] : await withFailures(database, among)) {
          if (view.interrupts.stop.aborted) break
          const { stop, abort } = view.interrupts
          const onProgress: Parameters<typeof replayFailures>[0]['onProgress'] = (progress) => view.update(progress)
          const report = await replayFailures({ database, definition, stop, abort, onProgress })
          view.end(report.result?.status === 'completed')
          reports.push(report)
        }
        const exits = reports.map(exitCodeOf)
        const exitCode =
          exits.find((code) => code === exitCodes.failed) ?? exits.find((code) => code !== exitCodes.done)
        return {
          exitCode: exitCode ?? exitCodes.done,
          json: { replayed: reports },
          lines:
            reports.length === 0 ? ['no failures'] : reports.flatMap((report) => linesOf(report, output, view.share)),
        }
      })
    } finally {
      view.dispose()
    }
  },
}

async function withFailures(database: Database, definitions: ReadonlyMap<string, BackfillDefinition>) {
  const reports = await readStatus(database)
  return reports.flatMap(({ run, failures }) => {
    const definition = definitions.get(run.name)
    const isReplayable = run.status === 'completed' || run.status === 'failed'
    return definition && failures.failed > 0 && isReplayable ? [definition] : []
  })
}

function exitCodeOf({ result, remaining }: ReplayReport): ExitCode {
  if (result?.status === 'unfinished') return exitCodes.unfinished
  return result?.status === 'failed' || remaining > 0 ? exitCodes.failed : exitCodes.done
}

function linesOf({ backfill, runId, cleared, remaining, result }: ReplayReport, output: Output, share: number) {
  const headline = headlineOf(output, backfill, runId)
  if (!result) return [`${headline} · no failures`]
  const next = nextCommand(result)
  return [
    `${headline} · ${counted(cleared, 'failure')} cleared, ${count(remaining)} left`,
    ...describeResult(output, result, share),
    ...(next === undefined ? [] : [`${output.paint.dim('Next:')} ${next}`]),
  ]
}
