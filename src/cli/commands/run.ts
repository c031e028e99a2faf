import { Option } from 'commander'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { refuseSequence, type Sequence } from '../../backfill/definition/sequence.js'
import { fakeRun } from '../../runs/control/fake-run.js'
import { dryRun } from '../../runs/plan/dry-run.js'
import type { RunResult } from '../../runs/run-result.js'
import { wasCompleted } from '../../runs/tenants/completed-before.js'
import { acceptChangedSummary } from '../accept-changed.js'
import type { CommandSpec, CommonOptions } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { count, counted, key } from '../format.js'
import {
  type Definitions,
  definitionNamed,
  loadConfig,
  loadDefinitions,
  type Project,
  withDatabase,
} from '../load-config.js'
import type { Answer, Output } from '../output.js'
import { runInView } from '../run-in-view.js'
import { describeResult, exitCodeOfResult, headlineOf, nextCommand, RunView, whyLeft } from '../run-view.js'

interface RunOptions extends Pick<CommonOptions, 'eachTenant'> {
  readonly dryRun?: boolean
  readonly fake?: boolean
  readonly acceptChanged?: boolean
}

export const run: CommandSpec<RunOptions> = {
  usage: 'run <name>',
  summary: 'run a backfill, or a sequence of them, here and now, or go on where it stopped',
  description: `Runs one backfill to its end in this process: a new run, or the unfinished one from its last checkpoint. A run that
failed is tried again, its failed rows first. Other processes may work on it at the same time.

Ctrl-C finishes the batch in hand and leaves the run resumable; a second Ctrl-C gives the batch up. Either way nothing is
lost, and nothing is done twice: a batch and its checkpoint are one transaction.

With --each-tenant the canary goes ahead: no other tenant begins before it is completed, and no further one once more than \`stopRatio\` of
those tried have failed. Tenants completed before are passed over, so the same command goes on after a stop.`,
  examples: [
    ['rowshift run city.slug', 'run it, or resume it'],
    ['rowshift run city@3.0.0', 'the backfills of a sequence, one after another'],
    ['rowshift run city.slug --dry-run', 'try one batch and roll it back'],
    ['rowshift run city.slug --json | jq .counts', 'the counts, for a script'],
    ['rowshift run city.slug --each-tenant', 'for every tenant of the config, or those that are left'],
  ],
  tenants: 'carefully',
  exitCodes: [
    '0  completed and verified; with --dry-run: every row of the batch could be migrated',
    '1  failed: see `rowshift failures <name>`',
    '3  interrupted or paused: the same command goes on; or completed with failures within the limit: the gate stays shut',
    'with --each-tenant: 0  every tenant is completed; 1  one failed; 3  some are unfinished or not started',
  ],
  options: (command) =>
    command
      .option('--dry-run', 'do the first batch with matching rows, roll it back and tell what it would have written')
      .option('--accept-changed', acceptChangedSummary)
      .addOption(
        new Option(
          '--fake',
          'mark it as completed without working on any row; its gate still looks for rows',
        ).conflicts(['dryRun', 'acceptChanged']),
      ),
  async run({ name, options, output }) {
    const project = await loadConfig(options)
    const definitions = await loadDefinitions(project)
    const sequence = definitions.sequences.get(name)
    if (sequence && (options.dryRun || options.fake)) throw refuseSequence(sequence)
    if (sequence) return runSequence(project, sequence, definitions, options, output)
    const definition = definitionNamed(project, definitions, name)
    if (options.dryRun) return tryBatch(project, definition, output)
    if (options.fake) return markAsCompleted(project, definition, output)
    if (options.eachTenant && (await isCompletedIn(project, definition))) return completedBefore(name, output)
    const view = new RunView(output)
    try {
      const result = await runInView(project, definition, {
        view,
        output,
        acceptsChanged: options.acceptChanged === true,
      })
      return {
        exitCode: exitCodeOfResult(result),
        json: result,
        why: whyLeft(result),
        lines: [...describeResult(output, result, view.share), ...nextLine(output, result)],
      }
    } finally {
      view.dispose()
    }
  },
}

/** One after another, up to the first that is not completed. */
async function runSequence(
  project: Project,
  sequence: Sequence,
  definitions: Definitions,
  options: RunOptions,
  output: Output,
): Promise<Answer> {
  const view = new RunView(output)
  const results: RunResult[] = []
  let passedOver = 0
  try {
    for (const { name } of sequence.backfills) {
      const definition = definitionNamed(project, definitions, name)
      if (options.eachTenant && (await isCompletedIn(project, definition))) {
        passedOver++
        continue
      }
      const acceptsChanged = options.acceptChanged === true
      const result = await runInView(project, definition, { view, output, acceptsChanged })
      results.push(result)
      if (exitCodeOfResult(result) !== exitCodes.done) break
      for (const line of describeResult(output, result, view.share)) output.line(line)
    }
    const last = results.at(-1)
    if (!last) return completedBefore(sequence.name, output)
    const exitCode = exitCodeOfResult(last)
    const left = sequence.backfills.length - passedOver - results.length
    const { paint } = output
    return {
      exitCode,
      json: { sequence: sequence.name, status: last.status, runs: results },
      why: whyLeft(last),
      lines:
        exitCode === exitCodes.done
          ? [`${paint.bold(sequence.name)} · ${paint.green('completed')}: ${counted(results.length, 'backfill')}`]
          : [
              ...describeResult(output, last, view.share),
              ...nextLine(output, last),
              ...(left > 0 ? [`${paint.bold(sequence.name)} · ${counted(left, 'backfill')} not begun`] : []),
            ],
    }
  } finally {
    view.dispose()
  }
}

function isCompletedIn(project: Project, definition: BackfillDefinition): Promise<boolean> {
  return withDatabase(project, (database) => wasCompleted(database, definition))
}

/** Of one of several tenants, on whose rows nothing was done now. */
function completedBefore(name: string, { paint }: Output): Answer {
  return {
    exitCode: exitCodes.done,
    json: { name, status: 'completed', isFromBefore: true },
    lines: [`${paint.bold(name)} · ${paint.green('completed')} before`],
  }
}

async function markAsCompleted(project: Project, definition: BackfillDefinition, output: Output): Promise<Answer> {
  const { id, name, status } = await withDatabase(project, (database) => fakeRun(database, definition))
  return {
    exitCode: exitCodes.done,
    json: { backfill: name, runId: id, status, isFaked: true },
    lines: [
      `${headlineOf(output, name, id)} · marked as completed, no row was worked on`,
      '  The gate still looks whether a row matches.',
    ],
  }
}

async function tryBatch(project: Project, definition: BackfillDefinition, output: Output): Promise<Answer> {
  const { paint } = output
  const { name } = definition
  const report = await withDatabase(project, (database) => dryRun(database, definition, { abort: never }))
  const { scanned, written, left, conflicts, failures, seconds } = report
  const parts = [
    `${counted(written, 'row')} of ${counted(scanned, 'key')} would be written`,
    ...(left > 0 ? [`${count(left)} left as they are`] : []),
    ...(conflicts > 0 ? [`${counted(conflicts, 'conflict')}`] : []),
    ...(failures.length > 0 ? [paint.red(`${counted(failures.length, 'failure')}`)] : []),
  ]
  return {
    exitCode: failures.length === 0 ? exitCodes.done : exitCodes.failed,
    json: { dryRun: true, ...report, failures: failures.map((row) => ({ ...row, key: JSON.parse(row.key) })) },
    lines: [
      `${paint.bold(name)} · one batch, rolled back`,
      `  ${scanned === 0 ? 'no row matches' : `${parts.join(', ')} in ${seconds.toFixed(2)}s`}`,
      ...failures.slice(0, failuresShown).map(({ key: of, code, message }) => `  ${key(of)}  ${code}: ${message}`),
      ...(failures.length > failuresShown
        ? [paint.dim(`  ${count(failures.length - failuresShown)} more: --json`)]
        : []),
      `Nothing was written.  ${paint.dim('Next:')} rowshift run ${name}`,
    ],
  }
}

const failuresShown = 20

const never = new AbortController().signal

function nextLine({ paint }: Output, result: RunResult): readonly string[] {
  const next = nextCommand(result)
  const isInterrupted = result.status === 'unfinished' && result.reason === 'interrupted'
  return next === undefined ? [] : [`${paint.dim(isInterrupted ? 'Continue:' : 'Next:')} ${next}`]
}
