import { shareDone } from '../../backfill/progress.js'
import { runInForeground } from '../../runs/run-in-foreground.js'
import type { RunResult } from '../../runs/run-result.js'
import type { CommandSpec } from '../command.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { clock, percent } from '../format.js'
import { definitionNamed, loadConfig, loadDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'
import { describeResult, headlineOf, nextCommand, RunView, takenOver } from '../run-view.js'

export const run: CommandSpec = {
  usage: 'run <name>',
  summary: 'run a backfill here and now, or go on where it stopped',
  description: `Runs one backfill to its end in this process: a new run, or the unfinished one from its last checkpoint. A run that
failed is tried again, its failed rows first. Other processes may work on it at the same time.

Ctrl-C finishes the batch in hand and leaves the run resumable; a second Ctrl-C gives the batch up. Either way nothing is
lost, and nothing is done twice: a batch and its checkpoint are one transaction.`,
  examples: [
    ['rowshift run city.slug', 'run it, or resume it'],
    ['rowshift run city.slug --json | jq .counts', 'the counts, for a script'],
  ],
  exitCodes: [
    '0  completed and verified',
    '1  failed: see `rowshift failures <name>`',
    '3  interrupted or paused: the same command goes on',
  ],
  async run({ name, options, output }) {
    const project = await loadConfig(options.config)
    const definition = definitionNamed(project, await loadDefinitions(project), name)
    const view = new RunView(output)
    try {
      return await withDatabase(project, async (database) => {
        let isResumed = false
        const result = await runInForeground({
          database,
          definition,
          stop: view.interrupts.stop,
          abort: view.interrupts.abort,
          onStart({ runId, status, progress, checkpointAt, ...start }) {
            isResumed = start.isResumed && status !== 'paused'
            const at = checkpointAt === undefined ? '' : ` (checkpoint ${clock(checkpointAt)})`
            const resumed = isResumed ? `resumed at ${percent(shareDone(progress))}${at}` : 'started'
            const begun = status === 'paused' ? '' : ` · ${resumed}`
            view.begin(`${headlineOf(output, name, runId)}${begun}`, progress, status !== 'paused')
          },
          onTakeOver: (worker) => view.tell(`  ${takenOver(worker)}`),
          onProgress: (progress) => view.update(progress),
        })
        view.end(result.status === 'completed')
        return {
          exitCode: exitCodeOfResult(result),
          json: { ...result, isResumed },
          lines: [...describeResult(output, result, view.share), ...nextLine(output, result)],
        }
      })
    } finally {
      view.dispose()
    }
  },
}

function nextLine({ paint }: Output, result: RunResult): readonly string[] {
  const next = nextCommand(result)
  const isInterrupted = result.status === 'unfinished' && result.reason === 'interrupted'
  return next === undefined ? [] : [`${paint.dim(isInterrupted ? 'Continue:' : 'Next:')} ${next}`]
}

const exitCodeOfStatus = {
  completed: exitCodes.done,
  failed: exitCodes.failed,
  unfinished: exitCodes.unfinished,
} as const satisfies Record<RunResult['status'], ExitCode>

function exitCodeOfResult({ status }: RunResult): ExitCode {
  return exitCodeOfStatus[status]
}
