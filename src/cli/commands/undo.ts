import type { Database } from '../../adapters/database.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import type { Sequence } from '../../backfill/definition/sequence.js'
import { shareDone } from '../../backfill/progress.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { findRun } from '../../runs/read-status.js'
import type { RunResult } from '../../runs/run-result.js'
import { type UndoOutcome, undoInForeground } from '../../runs/undo/undo-in-foreground.js'
import { membersToUndo } from '../../runs/undo/undo-sequence.js'
import type { Call, CommandSpec } from '../command.js'
import { forEachMember, membersOf } from '../each-member.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { count, counted, percent } from '../format.js'
import {
  type Definitions,
  definitionNamed,
  loadConfig,
  loadDefinitions,
  type Project,
  withDatabase,
} from '../load-config.js'
import type { Answer, Output } from '../output.js'
import { describeResult, headlineOf, nextCommand, RunView, whyLeft } from '../run-view.js'

export const undo: CommandSpec = {
  usage: 'undo <name>',
  summary: 'take a backfill back',
  description: `Takes back what a backfill has written: by its journal (\`journal: true\`), which knows what was there, else by its \`reverse\`. A name
takes back all its journaled runs, the number of a run only that run. An unfinished run is cancelled first.

By the journal a row is restored only where it still is as the run left it. Rows that were changed since are left alone and
listed by \`rowshift failures <name>#undo\`; their entries stay in the journal, so that a later undo tries them again.

Ctrl-C finishes the batch in hand; the same command goes on. Nothing is restored twice.`,
  examples: [
    ['rowshift undo city.slug', 'all that its runs have written'],
    ['rowshift undo 7', 'what run 7 has written'],
    ['rowshift undo city@3.0.0', 'the backfills of a sequence, the last first'],
  ],
  tenants: 'carefully',
  exitCodes: [
    '0  every row is as it was',
    '1  rows were changed since or refused: see `rowshift failures <name>#undo`; or there is no way back',
    '3  interrupted or paused: the same command goes on',
  ],
  async run(call) {
    const { name, options, output } = call
    const project = await loadConfig(options)
    const definitions = await loadDefinitions(project)
    const sequence = definitions.sequences.get(name)
    if (sequence) return undoSequence(project, definitions, sequence, call)
    const view = new RunView(output)
    try {
      return await withDatabase(project, async (database) => {
        const { definition, run } = await targetOf(project, definitions, database, name)
        const outcome = await undoInForeground({
          database,
          definition,
          run,
          stop: view.interrupts.stop,
          abort: view.interrupts.abort,
          onStart({ runId, status, progress, isResumed }) {
            const resumed = isResumed ? ` · resumed at ${percent(shareDone(progress))}` : ''
            view.begin(`${headlineOf(output, progress.backfill, runId)}${resumed}`, progress, status !== 'paused')
          },
          onProgress: (progress) => view.update(progress),
        })
        view.end(outcome.result?.status === 'completed')
        return {
          exitCode: exitCodeOf(outcome),
          json: { backfill: definition.name, run: run?.id ?? null, by: outcome.by, result: outcome.result },
          why: outcome.result ? whyLeft(outcome.result) : undefined,
          lines: linesOf(output, definition.name, outcome, view.share),
        }
      })
    } finally {
      view.dispose()
    }
  },
}

/** From its end; a backfill that was never run has nothing to be taken back. */
async function undoSequence(
  project: Project,
  definitions: Definitions,
  sequence: Sequence,
  call: Call,
): Promise<Answer> {
  const all = membersOf(sequence).map((name) => definitions.get(name)!)
  const members = await withDatabase(project, (database) => membersToUndo(database, all))
  const answer = await forEachMember(undo, call, sequence, { members: members.map(({ name }) => name), stops: true })
  if (members.length > 0) return answer
  return {
    ...answer,
    lines: [`${call.output.paint.bold(sequence.name)}: nothing to do, none of its backfills was run`],
  }
}

/** A backfill by its name, or one of its runs by its number. */
async function targetOf(
  project: Project,
  definitions: Definitions,
  database: Database,
  target: string,
): Promise<{ readonly definition: BackfillDefinition; readonly run: RunRow | undefined }> {
  const run =
    !definitions.has(target) && /^\d{1,15}$/.test(target) ? await findRun(database, Number(target)) : undefined
  return { definition: definitionNamed(project, definitions, run?.name ?? target), run }
}

function exitCodeOf({ result }: UndoOutcome): ExitCode {
  if (result === null) return exitCodes.done
  if (result.status === 'unfinished') return exitCodes.unfinished
  return result.status === 'completed' && result.counts.failures === 0 ? exitCodes.done : exitCodes.failed
}

function linesOf(output: Output, name: string, { by, result }: UndoOutcome, share: number): readonly string[] {
  const { paint } = output
  if (result === null) return [`${paint.bold(name)}: nothing to do, by its \`reverse\` the old values are still there`]
  const next = nextCommand(result)
  const nextLine = next === undefined ? [] : [`${paint.dim('Next:')} ${next}`]
  if (result.status !== 'completed') return [...describeResult(output, result, share), ...nextLine]
  return [...describeRestored(result, by, output), ...nextLine]
}

function describeRestored(
  { backfill, counts }: RunResult,
  by: UndoOutcome['by'],
  { paint }: Output,
): readonly string[] {
  const restored = `${counted(counts.written, 'row')} restored by the ${by === 'journal' ? 'journal' : '`reverse`'}`
  const needless = counts.skipped > 0 ? `, ${count(counts.skipped)} gone or as before already` : ''
  if (counts.failures === 0) return [`  ${paint.green('undone')}: ${restored}${needless}`]
  return [
    `  ${paint.yellow('undone in part')}: ${restored}${needless}, ${counted(counts.failures, 'row')} left as they are`,
    `${paint.dim('See:')} rowshift failures ${backfill}`,
  ]
}
