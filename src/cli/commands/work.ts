import { type RunReport, readStatus } from '../../runs/read-status.js'
import type { RunStatus } from '../../runs/run-status.js'
import { type WorkerEvent, workUntil } from '../../runs/worker.js'
import type { CommandSpec } from '../command.js'
import { describeError, type ErrorDocument } from '../describe-error.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { counted } from '../format.js'
import { type Definitions, loadConfig, loadDefinitions, requireDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'
import { describeResult, headlineOf, RunView, reasonOf } from '../run-view.js'

export const work: CommandSpec<{ readonly watch?: boolean }> = {
  usage: 'work',
  summary: 'work on scheduled and interrupted runs until none is left',
  description: `Works on every run that migrations have scheduled or that was interrupted, of the definitions the config names, until nothing
is left to do. Where other workers hold what is left, it waits and takes over from those that die (after 5 s of silence).

Start as many as you like, on as many machines; kill any at any moment. Ctrl-C or SIGTERM finishes the batch in hand, a
second one gives it up. A run whose definition or table differs from what it was started with is declined, not touched.`,
  examples: [
    ['rowshift work', 'finish what is scheduled, then exit'],
    ['rowshift work --watch', 'go on waiting for new runs: a service'],
  ],
  exitCodes: ['0  every run is completed', '1  a run failed', '3  a run is paused, was declined or is not finished'],
  options: (command) => command.option('-w, --watch', 'wait for new runs instead of exiting'),
  async run({ options, output }) {
    const project = await loadConfig(options.config)
    const definitions = requireDefinitions(project, await loadDefinitions(project))
    const view = new RunView(output)
    const declined = new Map<string, ErrorDocument>()
    try {
      return await withDatabase(project, async (database) => {
        const until = options.watch ? 'and waits for new runs' : 'until nothing is left to do'
        output.line(`${database.label} · works on ${counted(definitions.size, 'backfill')} ${until}`)
        await workUntil({
          database,
          definitions,
          stop: view.interrupts.stop,
          abort: view.interrupts.abort,
          onIdle: () => (options.watch ? 'wait' : 'end'),
          onEvent: (event) => show(event, output, view, declined),
        })
        const reports = (await readStatus(database)).filter(({ run }) => definitions.has(run.name))
        return conclude(reports, definitions, declined, output)
      })
    } finally {
      view.dispose()
    }
  },
}

function show(event: WorkerEvent, output: Output, view: RunView, declined: Map<string, ErrorDocument>): void {
  switch (event.type) {
    case 'progress':
      declined.delete(event.progress.backfill)
      view.update(event.progress)
      break
    case 'ended': {
      const { result } = event
      declined.delete(result.backfill)
      // Another worker may have done all of it: then there was no progress here, and no headline.
      if (!view.isShowing(result.runId)) output.line(headlineOf(output, result.backfill, result.runId))
      const { share } = view
      view.end(result.status === 'completed')
      for (const line of describeResult(output, result, share)) output.line(line)
      break
    }
    case 'declined': {
      const isKnown = declined.has(event.backfill)
      declined.set(event.backfill, describeError(event.error))
      // A watching worker meets it again every second.
      if (!isKnown)
        output.line(`${output.paint.bold(event.backfill)} ${output.paint.yellow('declined')}: ${event.error.message}`)
      break
    }
  }
}

function conclude(
  reports: readonly RunReport[],
  definitions: Definitions,
  declined: ReadonlyMap<string, ErrorDocument>,
  { paint }: Output,
) {
  const runs = reports.map(({ run, failures }) => ({
    backfill: run.name,
    runId: run.id,
    status: run.status as RunStatus,
    reason: run.reasonCode ?? null,
    failures: failures.failed,
  }))
  const open = reports.filter(({ run }) => isOpen(run.status as RunStatus))
  const failed = reports.filter(({ run }) => run.status === 'failed')
  const exitCode = failed.length > 0 ? exitCodes.failed : open.length > 0 ? exitCodes.unfinished : exitCodes.done
  const left = [...failed, ...open].map(({ run }) => {
    const reason = declined.has(run.name) ? 'declined by this code' : reasonOf(run.reasonCode, run.reason)
    return `  ${run.name}  ${run.status}${reason ? `: ${reason}` : ''}`
  })
  return {
    exitCode: exitCode as ExitCode,
    json: {
      runs,
      declined: [...declined].map(([backfill, error]) => ({ backfill, error })),
      neverRun: [...definitions.keys()].filter((name) => !reports.some(({ run }) => run.name === name)),
    },
    lines:
      left.length === 0
        ? [paint.green('Nothing is left to do.')]
        : ['Left:', ...left, `${paint.dim('Next:')} rowshift status`],
  }
}

/** Neither completed nor given up on purpose. */
function isOpen(status: RunStatus): boolean {
  return status === 'scheduled' || status === 'running' || status === 'interrupted' || status === 'paused'
}
