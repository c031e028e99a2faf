import type { BackfillDefinition } from '../backfill/definition/definition.js'
import { shareDone } from '../backfill/progress.js'
import { runInForeground } from '../runs/run-in-foreground.js'
import type { RunResult } from '../runs/run-result.js'
import { clock, percent } from './format.js'
import { type Project, withDatabase } from './load-config.js'
import type { Output } from './output.js'
import { headlineOf, type RunView, takenOver } from './run-view.js'

/** Runs a backfill to its end in this process, seen in `view`. */
export function runInView(
  project: Project,
  definition: BackfillDefinition,
  {
    view,
    output,
    acceptsChanged,
  }: { readonly view: RunView; readonly output: Output; readonly acceptsChanged: boolean },
): Promise<RunResult & { readonly isResumed: boolean }> {
  return withDatabase(project, async (database) => {
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
        view.begin(`${headlineOf(output, definition.name, runId)}${begun}`, progress, status !== 'paused')
      },
      acceptsChanged,
      pace: project.config.pace,
      onWait: (waiting) => view.wait('  ', waiting),
      onTakeOver: (worker) => view.tell(`  ${takenOver(worker)}`),
      onProgress: (progress) => view.update(progress),
    })
    view.end(result.status === 'completed')
    return { ...result, isResumed }
  })
}
