import { RowshiftError } from '../../errors/rowshift-error.js'
import type { FailureLimit } from '../batch/failure-limit.js'
import { checkFunction, checkInteger, isRecord } from './check-values.js'
import { checkAfter, checkWhen } from './check-when.js'
import { type Column, columnProblem, parseColumn } from './columns.js'
import type { BackfillDefinition, DeclaredColumn, PageFunction, RowFunction, Transform } from './definition.js'
import { didYouMean } from './nearest.js'
import { neverReturns } from './never-returns.js'
import { type Refuse, refuserOf } from './refuse.js'
import { undoSuffix } from './reverse-of.js'
import { tableNameProblem } from './table-name.js'

/* What the options of all forms have in common. */

/** Options as they come: from JavaScript, or past the compiler. */
export type Options = Readonly<Record<string, unknown>>

/** Options of every form. */
export const commonOptions = [
  ...['name', 'table', 'where', 'reverse', 'revision', 'batchRows', 'delayMs', 'maxFailures'],
  ...['when', 'after'],
]

// What the same things are called elsewhere.
const optionSynonyms: Readonly<Record<string, string>> = {
  id: 'name',
  entity: 'table',
  model: 'table',
  tablename: 'table',
  columns: 'select',
  read: 'select',
  reads: 'select',
  writes: 'write',
  update: 'write',
  filter: 'where',
  up: 'transform',
  map: 'transform',
  upgrade: 'transform',
  down: 'reverse',
  undo: 'reverse',
  downgrade: 'reverse',
  version: 'revision',
  batch: 'batchRows',
  batchsize: 'batchRows',
  chunksize: 'batchRows',
  pagesize: 'batchRows',
  limit: 'batchRows',
  delay: 'delayMs',
  sleep: 'delayMs',
  pause: 'delayMs',
  throttle: 'delayMs',
  maxerrors: 'maxFailures',
  failurelimit: 'maxFailures',
  tolerance: 'maxFailures',
  validator: 'validate',
  validateas: 'validate',
  skip: 'when',
  skipif: 'when',
  condition: 'when',
  dependson: 'after',
  dependencies: 'after',
  dto: 'validate',
}

// State tables hold names of 200 characters, and taking back adds a suffix.
const longestName = 190
// A batch travels as one parameter and is held in memory.
const mostBatchRows = 100_000

export function checkCommon(options: Options, refuse: Refuse) {
  return {
    name: options.name as string,
    source: options.table,
    revision: checkInteger('revision', options.revision, undefined, { from: 1 }, refuse),
    batchRows: checkInteger('batchRows', options.batchRows, undefined, { from: 1, to: mostBatchRows }, refuse),
    delayMs: checkInteger('delayMs', options.delayMs, 0, { from: 0 }, refuse),
    maxFailures: checkMaxFailures(options.maxFailures, refuse),
    when: checkWhen(options.when, refuse),
    after: checkAfter(options.after, refuse),
  }
}

function checkMaxFailures(value: unknown, refuse: Refuse): FailureLimit | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 0) return Object.freeze({ rows: value as number })
  const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] : undefined
  if (percent !== undefined && Number(percent) <= 100) return Object.freeze({ share: Number(percent) / 100 })
  return refuse('maxFailures', "must be a number of rows from 0, or a share such as '0.5%'.")
}

export function open(input: unknown): { options: Options; refuse: Refuse } {
  if (!isRecord(input)) {
    throw new RowshiftError('INVALID_DEFINITION', {
      message: 'a backfill is defined by one object: defineBackfill({ name, table, ... }).',
    })
  }
  // An option that is undefined is one left out.
  const options = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  const refuse = refuserOf(options.name)
  checkName(options.name, refuse)
  return { options, refuse }
}

export function checkName(name: unknown, refuse: Refuse): void {
  if (typeof name !== 'string' || name.trim() === '') {
    refuse('name', "must be a text, such as 'city.slug': runs, gates and commands go by it.")
  }
  if (name.length > longestName) refuse('name', `has ${name.length} characters; ${longestName} are allowed.`)
  if (/\p{Cc}|\p{Cs}/u.test(name)) refuse('name', 'has a control character. Use printable ones.')
  if (name !== name.trim()) refuse('name', 'begins or ends with a space, which no one would see.')
  if (name.endsWith(undoSuffix)) {
    refuse('name', `ends in ${undoSuffix}, which names the run that takes a backfill back.`)
  }
}

export function checkKnown(options: Options, known: readonly string[], refuse: Refuse): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) refuse(option, `is no option. ${didYouMean(option, known, optionSynonyms)}`)
  }
}

/** Whether the table is given by its name, so that nothing is known of its columns. */
export function checkTable(table: unknown, refuse: Refuse, option = 'table'): boolean {
  if (typeof table === 'string') {
    const problem = tableNameProblem(table)
    return problem === undefined || refuse(option, problem)
  }
  if (typeof table === 'function' || isRecord(table)) return false
  return refuse(
    option,
    'must be a table name, an entity class or a model. ' +
      'An imported class is undefined here when its file and this one import each other.',
  )
}

export function checkColumns(
  option: 'select' | 'write',
  columns: unknown,
  isNamed: boolean,
  refuse: Refuse,
): ReadonlyMap<string, DeclaredColumn> {
  const example = isNamed ? "{ name: 'text' }" : '{ name: true }'
  if (!isRecord(columns)) return refuse(option, `must be columns with their types: ${example}.`)
  const entries = Object.entries(columns)
  if (entries.length === 0) return refuse(option, `names no column: ${example}.`)
  return new Map(
    entries.map(([name, column]): [string, DeclaredColumn] => {
      const at = `${option}.${name}`
      if (name === '') return refuse(option, 'names a column with an empty name.')
      if (column === true) {
        if (!isNamed) return [name, 'mapped']
        refuse(at, "is true, but only an entity or model knows its columns. Declare the type: 'text', 'integer', ...")
      }
      const problem = columnProblem(column)
      return problem === undefined ? [name, parseColumn(column as Column)] : refuse(at, problem)
    }),
  )
}

const journalDefaults = { maxBytes: 10_000_000_000, keepDays: 30 }

export function checkJournal(journal: unknown, refuse: Refuse): BackfillDefinition['journal'] {
  if (journal === undefined || journal === false) return undefined
  if (journal !== true && !isRecord(journal)) return refuse('journal', 'must be true or { maxBytes, keepDays }.')
  const options = journal === true ? {} : journal
  const members = Object.keys(journalDefaults)
  for (const member of Object.keys(options)) {
    if (!members.includes(member)) refuse(`journal.${member}`, `is no option. ${didYouMean(member, members)}`)
  }
  const { maxBytes, keepDays } = journalDefaults
  return Object.freeze({
    maxBytes: checkInteger('journal.maxBytes', options.maxBytes, maxBytes, { from: 1 }, refuse),
    keepDays: checkInteger('journal.keepDays', options.keepDays, keepDays, { from: 1, to: 36_500 }, refuse),
  })
}

/** The `transform` of a row. */
export function rowTransform({ transform }: Options, refuse: Refuse): Transform {
  return Object.freeze({ per: 'row', call: checkRowFunction('transform', transform, refuse) })
}

/** The `transform` of a page. */
export function pageTransform({ transform }: Options, refuse: Refuse): Transform {
  const wanted = 'a function of the rows that returns an entry for each of them'
  return Object.freeze({ per: 'page', call: checkReturning<PageFunction>('transform', transform, wanted, refuse) })
}

export function checkRowFunction(option: string, value: unknown, refuse: Refuse): RowFunction {
  return checkReturning<RowFunction>(option, value, 'a function of the row that returns its new values', refuse)
}

function checkReturning<F extends (...args: never) => unknown>(
  option: string,
  value: unknown,
  wanted: string,
  refuse: Refuse,
): F {
  const checked = checkFunction<F>(option, value, wanted, refuse)
  if (!neverReturns(checked)) return checked
  return refuse(
    option,
    'returns nothing, so no row would change. Braces after => are a body: write (row) => ({ ... }).',
  )
}
