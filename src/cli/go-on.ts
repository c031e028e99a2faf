import { undoSuffix } from '../backfill/definition/reverse-of.js'

/** Whether a run takes a backfill back. */
export const isUndo = (backfill: string): boolean => backfill.endsWith(undoSuffix)

/** What goes on with a run: `rowshift run city.slug`, or `rowshift undo city.slug` where it takes one back. */
export function goOn(backfill: string): string {
  return isUndo(backfill) ? `rowshift undo ${backfill.slice(0, -undoSuffix.length)}` : `rowshift run ${backfill}`
}
