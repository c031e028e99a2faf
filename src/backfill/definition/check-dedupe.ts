import { isSql, type Sql } from '../../dialects/sql.js'
import { checkCommon, checkJournal, checkKnown, checkTable, commonOptions, open } from './check-parts.js'
import { isRecord } from './check-values.js'
import { checkSqlVerify } from './check-verify.js'
import { checkWhere, copyOf, scalarProblem } from './check-where.js'
import type { BackfillDefinition, DedupeWork, Kept } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'
import { tableNameProblem } from './table-name.js'

const dedupeOptions = [...commonOptions, 'by', 'keep', 'repoint', 'others', 'journal', 'verify']

/** What belongs to rows that are computed. */
const notHere = ['select', 'write', 'transform', 'unique', 'validate', 'follow', 'set', 'into', 'onConflict', 'archive']

/** Turns the options of `defineBackfill.dedupe` into a definition. @throws RowshiftError INVALID_DEFINITION */
export function checkDedupeOptions(input: unknown): BackfillDefinition {
  const { options, refuse } = open(input)
  for (const option of notHere) {
    if (option in options) refuse(option, 'belongs to other forms: here the database finds the rows that are the same.')
  }
  checkKnown(options, dedupeOptions, refuse)
  checkTable(options.table, refuse)
  const condition = checkWhere(options.where, () => 'undeclared', [], refuse)
  if (options.reverse !== undefined && options.reverse !== 'not-needed')
    refuse('reverse', "must be 'not-needed', or left out: the rows are restored by their `journal`.")
  const work: DedupeWork = {
    form: 'dedupe',
    by: checkBy(options.by, refuse),
    keep: checkKeep(options.keep, refuse),
    repoint: checkRepoint(options.repoint, refuse),
    mark: checkOthers(options.others, refuse),
  }
  return Object.freeze({
    ...checkCommon(options, refuse),
    where: condition && Object.freeze({ condition, isNegated: false }),
    reverse: options.reverse as 'not-needed' | undefined,
    journal: checkJournal(options.journal, refuse),
    follow: false,
    verify: checkSqlVerify(options.verify, refuse),
    work: Object.freeze(work),
  })
}

const isColumn = (value: unknown): value is string => typeof value === 'string' && value !== ''

function checkBy(by: unknown, refuse: Refuse): Sql | readonly string[] {
  const example = "['email'], or sql`lower(email)`"
  if (isSql(by)) return by.text.join('?').trim() === '' ? refuse('by', `is empty SQL: ${example}.`) : by
  if (!Array.isArray(by) || by.length === 0 || !by.every(isColumn))
    return refuse('by', `must say what makes rows the same: ${example}.`)
  return Object.freeze([...new Set(by)])
}

function checkKeep(keep: unknown, refuse: Refuse): readonly Kept[] {
  const example = "{ first: 'created_at' }, { last: 'updated_at' }, or a list of them"
  const list: readonly unknown[] = Array.isArray(keep) ? keep : [keep]
  if (list.length === 0) return refuse('keep', `is empty. Say which row survives: ${example}.`)
  return Object.freeze(
    list.map((one): Kept => {
      const members = isRecord(one) ? Object.keys(one) : []
      const [end] = members
      if (
        members.length !== 1 ||
        (end !== 'first' && end !== 'last') ||
        !isColumn((one as Record<string, unknown>)[end])
      )
        return refuse('keep', `must say which row survives: ${example}.`)
      return Object.freeze({ column: (one as Record<string, string>)[end]!, end })
    }),
  )
}

function checkRepoint(repoint: unknown, refuse: Refuse): DedupeWork['repoint'] {
  const example = "{ order: 'user_id', message: ['from_id', 'to_id'] }"
  if (repoint === undefined) return []
  if (!isRecord(repoint)) return refuse('repoint', `must be columns by table: ${example}.`)
  return Object.freeze(
    Object.entries(repoint).flatMap(([table, value]) => {
      const at = `repoint.${table}`
      const problem = tableNameProblem(table)
      if (problem !== undefined) refuse(at, problem)
      const references: readonly unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : []
      if (references.length === 0) return refuse(at, `names no column: ${example}.`)
      return references.map((one) => {
        const columns: readonly unknown[] = Array.isArray(one) ? one : [one]
        if (columns.length === 0 || !columns.every(isColumn)) return refuse(at, `must be columns: ${example}.`)
        return Object.freeze({ table, columns: Object.freeze([...columns]) })
      })
    }),
  )
}

function checkOthers(others: unknown, refuse: Refuse): DedupeWork['mark'] {
  if (others === undefined || others === 'delete') return undefined
  if (!isRecord(others) || !('mark' in others))
    return refuse('others', "must be 'delete', or { mark: { column: value } }.")
  const other = Object.keys(others).find((member) => member !== 'mark')
  if (other !== undefined) refuse(`others.${other}`, `is no option. ${didYouMean(other, ['mark'])}`)
  const { mark } = others
  if (!isRecord(mark) || Object.keys(mark).length === 0)
    return refuse('others.mark', 'must be values by column: { is_duplicate: true }.')
  return new Map(
    Object.entries(mark).map(([column, value]) => {
      const at = `others.mark.${column}`
      if (column === '') return refuse('others.mark', 'names a column with an empty name.')
      if (isSql(value)) return refuse(at, 'is SQL. It must be a constant, which tells a marked row from others.')
      if (value === null) return [column, null] as const
      const problem = scalarProblem(value)
      return problem === undefined ? ([column, copyOf(value as string)] as const) : refuse(at, problem)
    }),
  )
}
