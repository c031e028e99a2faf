import type { TableChange } from '../adapters/schema.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** A column that goes on under another name. */
export interface Rename {
  readonly from: string
  readonly to: string
}

/** A dropped and an added column of one table that could be the same. */
export interface PossibleRename extends Rename {
  readonly table: string
}

/** `old:new`, `city.old:new`; `none` says that there are none. */
export interface RenameAnswers {
  readonly given: readonly { readonly table: string | undefined; readonly from: string; readonly to: string }[]
  readonly areDistinct: boolean
}

/** Reads `--rename`. @throws RowshiftError INVALID_USAGE */
export function parseRenames(options: readonly string[]): RenameAnswers {
  const given = options
    .filter((option) => option !== 'none')
    .map((option) => {
      const match = /^(?:(.+)\.)?([^.:]+):(?:(.+)\.)?([^.:]+)$/.exec(option)
      const [, table, from, tableAgain, to] = match ?? []
      if (from !== undefined && to !== undefined && (tableAgain === undefined || tableAgain === table))
        return { table, from, to }
      throw usage(`--rename ${option} is not of the form old:new, table.old:new or none.`)
    })
  return { given, areDistinct: options.includes('none') }
}

/**
 * The renames of a table: those that were given, and those a person says yes to. What might be a rename is never guessed: a
 * dropped and an added column with the same type are one or the other, and the values are lost if the guess is wrong.
 *
 * @throws RowshiftError RENAME_UNCLEAR, INVALID_USAGE for a name that no such column has
 */
export async function resolveRenames(
  change: TableChange,
  answers: RenameAnswers,
  isExplained: (column: string) => boolean,
  ask: ((rename: PossibleRename) => Promise<boolean>) | undefined,
): Promise<readonly Rename[]> {
  const renames: Rename[] = answers.given
    .filter(({ table, from, to }) =>
      table === undefined
        ? change.dropped.some(({ name }) => name === from) && change.added.some(({ name }) => name === to)
        : table === change.table,
    )
    .map(({ from, to }) => ({ from, to }))
  for (const { from, to } of renames) requireColumns(change, from, to)
  if (answers.areDistinct) return renames
  for (const dropped of change.dropped) {
    for (const added of change.added) {
      const isSettled = renames.some(({ from, to }) => from === dropped.name || to === added.name)
      if (isSettled || isExplained(added.name) || baseWord(dropped.word) !== baseWord(added.word)) continue
      const possible = { table: change.table, from: dropped.name, to: added.name }
      if (!ask) throw unclear(possible)
      if (await ask(possible)) renames.push({ from: dropped.name, to: added.name })
    }
  }
  return renames
}

/** Renames that were given and that no table has a use for. @throws RowshiftError INVALID_USAGE */
export function requireUsed(answers: RenameAnswers, changes: readonly TableChange[]): void {
  for (const { table, from, to } of answers.given) {
    const fitting = changes.filter(
      (change) =>
        (table === undefined || table === change.table) &&
        change.dropped.some(({ name }) => name === from) &&
        change.added.some(({ name }) => name === to),
    )
    if (fitting.length === 1) continue
    const place = fitting.map((change) => change.table).join(', ')
    throw usage(
      fitting.length > 1
        ? `--rename ${from}:${to} fits several tables (${place}). Write ${fitting[0]!.table}.${from}:${to}.`
        : `--rename ${from}:${to}: no table has a column "${from}" that the code no longer has and gets a column "${to}".`,
    )
  }
}

function requireColumns(change: TableChange, from: string, to: string): void {
  const [before, after] = [
    change.dropped.find(({ name }) => name === from),
    change.added.find(({ name }) => name === to),
  ]
  if (!before || !after) {
    throw usage(
      `--rename ${change.table}.${from}:${to}: "${from}" must be a column that the code no longer has, and "${to}" a new one.`,
    )
  }
  if (before.type === after.type) return
  throw new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}.${from}" (${before.type}) cannot become "${to}" (${after.type}) by renaming it. Leave \`--rename\` out and write an upgrade that computes "${to}", or change its type in a version of its own.`,
    details: { table: change.table, from, to },
  })
}

const baseWord = (word: string | undefined): string | undefined => word?.replace('?', '')

function unclear({ table, from, to }: PossibleRename): RowshiftError {
  return new RowshiftError('RENAME_UNCLEAR', {
    message: `"${table}" loses "${from}" and gets "${to}": the same column under another name, or two? Say \`--rename ${from}:${to}\` (${table}.${from}:${to} if several tables have them), or \`--rename none\` if they are two and the values of "${from}" may go.`,
    details: { table, from, to },
  })
}

function usage(message: string): RowshiftError {
  return new RowshiftError('INVALID_USAGE', { message })
}
