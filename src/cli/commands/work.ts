import type { ErrorCode } from '../../errors/codes.js'
import { type RunReport, readStatus } from '../../runs/read-status.js'
import { type WorkerEvent, workUntil } from '../../runs/worker.js'
import { acceptChangedSummary } from '../accept-changed.js'
import type { CommandSpec } from '../command.js'
import { describeError, type ErrorDocument } from '../describe-error.js'
import { exitCodes } from '../exit-codes.js'
import { counted } from '../format.js'
import { type Definitions, loadConfig, loadDefinitions, requireDefinitions, withDatabase } from '../load-config.js'
import type { Answer, Output } from '../output.js'
import { describeResult, headlineOf, RunView, reasonOf, takenOver } from '../run-view.js'
import { nextStep, type StatusEntry, statusEntries } from '../status-entries.js'

export const work: CommandSpec<{ readonly watch?: boolean; readonly acceptChanged?: boolean }> = {
  usage: 'work',
  summary: 'work on scheduled and interrupted runs until none is left',
  description: `Works on every run that migrations have scheduled or that was interrupted, of the definitions the config names, until nothing
is left to do. Where other workers hold what is left, it waits and takes over from those that die (after 5 s of silence).

Start as many as you like, on as many machines; kill any at any moment. Ctrl-C or SIGTERM finishes the batch in hand, a
second one gives it up. A run whose definition or table differs from what it was started with is declined, not touched. One that
cannot be worked on (its table is gone, the disk is full) does not keep it from the others. With --watch it outlasts
restarts of the database.`,
  examples: [
    ['rowshift work', 'finish what is scheduled, then exit'],
    ['rowshift work --watch', 'go on waiting for new runs: a service'],
  ],
  tenants: 'carefully',
  exitCodes: [
    '0  every run is completed',
    '1  a run failed or cannot be worked on',
    '3  a run is paused, was declined or is not finished',
  ],
  options: (command) =>
    command
      .option('-w, --watch', 'wait for new runs instead of exiting')
      .option('--accept-changed', acceptChangedSummary),
  async run({ options, output }) {
    const project = await loadConfig(options)
    const definitions = requireDefinitions(project, await loadDefinitions(project))
    const view = new RunView(output)
    const met: Met = { declined: new Map(), stopped: new Map(), held: new Set() }
    try {
      return await withDatabase(project, async (database) => {
        const until = options.watch ? 'and waits for new runs' : 'until nothing is left to do'
        output.line(`${database.label} · works on ${counted(definitions.size, 'backfill')} ${until}`)
        await workUntil({
          database,
          definitions,
          acceptsChanged: options.acceptChanged === true,
          pace: project.config.pace ?? {},
          stop: view.interrupts.stop,
          abort: view.interrupts.abort,
          isWatching: options.watch === true,
          onEvent: (event) => show(event, output, view, met),
        })
        const reports = (await readStatus(database)).filter(({ run }) => definitions.has(run.name))
        return conclude(reports, definitions, met, output)
      })
    } finally {
      view.dispose()
    }
  },
}

/** What the worker has met so far: it meets some of it again every moment, and people want to read it once. */
interface Met {
  readonly declined: Map<string, ErrorDocument>
  readonly stopped: Map<string, ErrorDocument>
  readonly held: Set<string>
}

function show(event: WorkerEvent, output: Output, view: RunView, met: Met): void {
  const { paint } = output
  switch (event.type) {
    case 'progress':
      forget(met, event.progress.backfill)
      view.update(event.progress)
      break
    case 'ended': {
      const { result } = event
      forget(met, result.backfill)
      // Another worker may have done all of it: then there was no progress here, and no headline.
      if (!view.isShowing(result.runId)) output.line(headlineOf(output, result.backfill, result.runId))
      view.end(result.status === 'completed')
      for (const line of describeResult(output, result, view.share)) output.line(line)
      break
    }
    case 'held':
      if (met.held.has(event.backfill)) break
      met.held.add(event.backfill)
      view.end(false)
      output.line(`${paint.bold(event.backfill)} · held by other workers, waiting`)
      break
    case 'taken-over':
      view.tell(`${headlineOf(output, event.backfill, event.runId)} · ${takenOver(event.worker)}`)
      break
    case 'postponed':
      view.wait(`${paint.bold(event.backfill)} · `, event)
      break
    case 'admitted':
      view.wait(`${paint.bold(event.backfill)} · `, undefined)
      break
    case 'declined':
    case 'stopped': {
      const { type, backfill, error } = event
      const isNews = met[type].get(backfill)?.message !== error.message
      met[type].set(backfill, describeError(error))
      view.end(false)
      const mark = type === 'declined' ? paint.yellow : paint.red
      if (isNews) output.line(`${paint.bold(backfill)} · ${mark(type)}: ${error.message}`)
      break
    }
    case 'unavailable':
      output.line(`${paint.yellow('database out of reach')}, waiting: ${event.error.message}`)
      break
    case 'available':
      output.line(paint.green('database in reach again'))
      break
  }
}

function forget(met: Met, backfill: string): void {
  met.declined.delete(backfill)
  met.stopped.delete(backfill)
  met.held.delete(backfill)
}

function conclude(
  reports: readonly RunReport[],
  definitions: Definitions,
  { declined, stopped }: Met,
  { paint }: Output,
): Answer {
  const entries = statusEntries(
    reports.map(({ run }) => run.name),
    reports,
    reports,
  )
  const failed = entries.filter(({ status }) => status === 'failed')
  const open = entries.filter(isOpen)
  const left = [...failed, ...open].map(({ backfill, status, reason }) => {
    const told = reason ?? stopped.get(backfill)
    const why = declined.has(backfill) ? 'declined by this code' : reasonOf(told?.code, told?.message ?? undefined)
    return `  ${backfill}  ${status}${why && `: ${why}`}`
  })
  const why = [...failed, ...open].flatMap(({ backfill, reason }) => reason ?? stopped.get(backfill) ?? [])[0]
  const next = nextStep(entries.filter((entry) => !declined.has(entry.backfill))) ?? 'rowshift status'
  return {
    exitCode:
      failed.length + stopped.size > 0 ? exitCodes.failed : open.length > 0 ? exitCodes.unfinished : exitCodes.done,
    why: why && { code: why.code as ErrorCode, message: why.message ?? '' },
    json: {
      runs: entries.map((entry) => ({
        backfill: entry.backfill,
        runId: entry.runId,
        status: entry.status,
        reason: entry.reason,
        written: entry.written,
        failed: entry.failed,
      })),
      declined: [...declined].map(([backfill, error]) => ({ backfill, error })),
      stopped: [...stopped].map(([backfill, error]) => ({ backfill, error })),
      neverRun: [...definitions.keys()].filter((name) => !reports.some(({ run }) => run.name === name)),
    },
    lines:
      left.length === 0 ? [paint.green('Nothing is left to do.')] : ['Left:', ...left, `${paint.dim('Next:')} ${next}`],
  }
}

/** Neither completed nor given up on purpose; what failed is told apart. */
function isOpen({ status }: StatusEntry): boolean {
  return !['never run', 'completed', 'failed', 'cancelled', 'undone'].includes(status)
}
