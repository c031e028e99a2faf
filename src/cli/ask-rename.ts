import type { PossibleRename } from '../generate/renames.js'
import type { Output } from './output.js'

/** Asks whether a column was renamed, where a person sits at a terminal; undefined where none does. */
export function askRenames({ ask }: Output): ((rename: PossibleRename) => Promise<boolean>) | undefined {
  return (
    ask &&
    (async ({ table, from, to }) => {
      const answer = await ask(`Is "${to}" of "${table}" the column "${from}" under another name? (y/N) `)
      return /^y(es)?$/i.test(answer.trim())
    })
  )
}
