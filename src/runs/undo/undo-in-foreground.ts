import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import type { RunRow } from '../../dialects/state-statements.js'
import { type ForegroundOptions, inForeground, runToEnd } from '../run-in-foreground.js'
import type { RunResult } from '../run-result.js'
import { chooseUndo, endFollowForUndo, markUndone, prepareUndo, stopForUndo, type UndoWay } from './undo.js'

export interface UndoOptions extends Omit<ForegroundOptions, 'definition'> {
  readonly definition: BackfillDefinition
  /** The run to take back; undefined = all that the backfill's runs have written. */
  readonly run: RunRow | undefined
}

export interface UndoOutcome {
  readonly by: UndoWay['by']
  /** The run that took the change back; null where there was nothing to do. */
  readonly result: RunResult | null
}

/**
 * Takes a change back: a new undo run, or the active one from its checkpoint. An unfinished run of the backfill is cancelled first.
 * @throws RowshiftError IRREVERSIBLE before anything is touched
 */
export function undoInForeground(options: UndoOptions): Promise<UndoOutcome> {
  const { database, definition, run } = options
  const { name } = definition
  return inForeground(database, { doing: `undoing backfill "${name}"`, abort: options.abort }, async (place) => {
    const { scope, mended } = place
    const way = await place.read(chooseUndo(database, definition, run))
    const prepared = way.by === 'not-needed' ? undefined : await place.read(prepareUndo(database, way))
    await mended((session) => session.run(scope.wrap(stopForUndo(database, name, run))))
    await mended((session) => endFollowForUndo(database, session, scope, name, run))
    const result = prepared ? await runToEnd(place, prepared, options) : null
    if (result === null || result.status === 'completed')
      await mended((session) => session.run(scope.wrap(markUndone(database, name, run))))
    return { by: way.by, result }
  })
}
