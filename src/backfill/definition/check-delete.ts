import { checkCommon, checkJournal, checkKnown, checkTable, commonOptions, open } from './check-parts.js'
import { isRecord } from './check-values.js'
import { checkSqlVerify } from './check-verify.js'
import { checkWhere } from './check-where.js'
import type { BackfillDefinition, DeleteWork } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'
import { tableNameProblem } from './table-name.js'

const deleteOptions = [...commonOptions, 'archive', 'cascade', 'journal', 'verify']

/** What belongs to rows that stay. */
const notHere = ['select', 'write', 'transform', 'unique', 'validate', 'follow', 'set', 'into', 'onConflict']

/** Turns the options of `defineBackfill.delete` into a definition. @throws RowshiftError INVALID_DEFINITION */
export function checkDeleteOptions(input: unknown): BackfillDefinition {
  const { options, refuse } = open(input)
  for (const option of notHere) {
    if (option in options)
      refuse(option, 'belongs to other forms: here the database deletes the rows that match `where`.')
  }
  checkKnown(options, deleteOptions, refuse)
  checkTable(options.table, refuse)
  const condition = checkWhere(options.where, () => 'undeclared', [], refuse)
  if (condition === undefined)
    refuse('where', 'is missing: it says which rows are deleted. To delete all of them, use TRUNCATE.')
  if (options.reverse !== undefined && options.reverse !== 'not-needed')
    refuse('reverse', "must be 'not-needed', or left out: deleted rows are created again by their `journal`.")
  const archive = checkArchive(options.archive, refuse)
  const work: DeleteWork = { form: 'delete', archive, cascade: checkTableNames('cascade', options.cascade, refuse) }
  return Object.freeze({
    ...checkCommon(options, refuse),
    where: Object.freeze({ condition: condition!, isNegated: false }),
    reverse: options.reverse as 'not-needed' | undefined,
    journal: checkJournal(options.journal ?? archive !== undefined, refuse),
    follow: false,
    verify: checkSqlVerify(options.verify, refuse),
    work: Object.freeze(work),
  })
}

function checkArchive(value: unknown, refuse: Refuse): DeleteWork['archive'] {
  if (value === undefined) return undefined
  if (!isRecord(value)) return refuse('archive', "must say where the rows go: { into: 'user_archive' }.")
  const other = Object.keys(value).find((member) => member !== 'into')
  if (other !== undefined) refuse(`archive.${other}`, `is no option. ${didYouMean(other, ['into'])}`)
  checkTable(value.into, refuse, 'archive.into')
  return Object.freeze({ source: value.into })
}

function checkTableNames(option: string, value: unknown, refuse: Refuse): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every((name) => typeof name === 'string'))
    return refuse(option, "must be a list of table names: ['order_item'].")
  for (const name of value) {
    const problem = tableNameProblem(name)
    if (problem !== undefined) refuse(option, problem)
  }
  return Object.freeze([...value])
}
