import { isSql } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { checkWhere, copyOf, type Declarations, scalarProblem } from './check-where.js'
import { type Column, columnProblem, parseColumn } from './columns.js'
import type {
  BackfillDefinition,
  CheckFunction,
  DeclaredColumn,
  RowFunction,
  SetValue,
  SqlWork,
  TransformWork,
  UniqueFunction,
} from './definition.js'
import { didYouMean } from './nearest.js'
import { neverReturns } from './never-returns.js'
import { type Refuse, refuserOf } from './refuse.js'
import { undoSuffix } from './reverse-of.js'
import { tableNameProblem } from './table-name.js'

/** Options as they come: from JavaScript, or past the compiler. */
type Options = Readonly<Record<string, unknown>>

const commonOptions = ['name', 'table', 'where', 'reverse', 'revision', 'batchRows', 'delayMs']
const rowOptions = [...commonOptions, 'select', 'write', 'transform', 'unique', 'verify', 'journal']
const sqlOptions = [...commonOptions, 'set']

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
}

// State tables hold names of 200 characters, and taking back adds a suffix.
const longestName = 190
// A batch travels as one parameter and is held in memory.
const mostBatchRows = 100_000

/** Turns the options of `defineBackfill` into a definition. @throws RowshiftError INVALID_DEFINITION, IN_PLACE_NEEDS_WHERE */
export function checkRowOptions(input: unknown): BackfillDefinition {
  const { options, refuse } = open(input)
  if ('set' in options) refuse('set', 'belongs to defineBackfill.sql(). Use either `set` there or `transform` here.')
  checkKnown(options, rowOptions, refuse)
  const isNamed = checkTable(options.table, refuse)
  const select = checkColumns('select', options.select, isNamed, refuse)
  const write = checkColumns('write', options.write, isNamed, refuse)
  const names = [...new Set([...select.keys(), ...write.keys()])]
  const declarations: Declarations = (column) => {
    const declared = [select.get(column), write.get(column)].filter((one) => one !== undefined)
    return declared.length > 0 ? declared : isNamed ? undefined : 'undeclared'
  }
  const condition = checkWhere(options.where, declarations, names, refuse)
  const inPlace = [...select.keys()].find((column) => write.has(column))
  if (condition === undefined && inPlace !== undefined) {
    refuse(
      'where',
      `is missing, and "${inPlace}" is read and written: nothing would tell a migrated row from a new one. Add a condition ` +
        `that a migrated row no longer matches, such as where: sql\`${inPlace} <> lower(${inPlace})\`, or write another column.`,
      'IN_PLACE_NEEDS_WHERE',
    )
  }
  const work: TransformWork = {
    form: 'transform',
    select,
    write,
    transform: checkRowFunction('transform', options.transform, refuse),
    unique: checkUnique(options.unique, write, refuse),
    isPartial: false,
  }
  return Object.freeze({
    ...checkCommon(options, refuse),
    where: condition && Object.freeze({ condition, isNegated: false }),
    reverse: checkReverse(options.reverse, true, refuse),
    journal: checkJournal(options.journal, refuse),
    verify: checkVerify(options.verify, refuse),
    work: Object.freeze(work),
  })
}

/** Turns the options of `defineBackfill.sql` into a definition. @throws RowshiftError INVALID_DEFINITION */
export function checkSqlOptions(input: unknown): BackfillDefinition {
  const { options, refuse } = open(input)
  if ('journal' in options) {
    refuse(
      'journal',
      'belongs to defineBackfill(): here rows never leave the database, so nothing is kept of them. Use `reverse: { set }`.',
    )
  }
  for (const option of ['transform', 'select', 'write', 'unique', 'verify']) {
    if (option in options)
      refuse(option, 'belongs to defineBackfill(). Here the database computes the values of `set`.')
  }
  checkKnown(options, sqlOptions, refuse)
  checkTable(options.table, refuse)
  const condition = checkWhere(options.where, () => 'undeclared', [], refuse)
  const work: SqlWork = { form: 'sql', set: checkSet('set', options.set, refuse) }
  return Object.freeze({
    ...checkCommon(options, refuse),
    where: condition && Object.freeze({ condition, isNegated: false }),
    reverse: checkReverse(options.reverse, false, refuse),
    journal: undefined,
    // No row is seen, so nothing can be asked about one.
    verify: Object.freeze({ sample: 0, check: undefined }),
    work: Object.freeze(work),
  })
}

function checkCommon(options: Options, refuse: Refuse) {
  return {
    name: options.name as string,
    source: options.table,
    revision: checkInteger('revision', options.revision, undefined, { from: 1 }, refuse),
    batchRows: checkInteger('batchRows', options.batchRows, undefined, { from: 1, to: mostBatchRows }, refuse),
    delayMs: checkInteger('delayMs', options.delayMs, 0, { from: 0 }, refuse),
  }
}

function open(input: unknown): { options: Options; refuse: Refuse } {
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

function checkName(name: unknown, refuse: Refuse): void {
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

function checkKnown(options: Options, known: readonly string[], refuse: Refuse): void {
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) refuse(option, `is no option. ${didYouMean(option, known, optionSynonyms)}`)
  }
}

/** Whether the table is given by its name, so that nothing is known of its columns. */
function checkTable(table: unknown, refuse: Refuse): boolean {
  if (typeof table === 'string') {
    const problem = tableNameProblem(table)
    return problem === undefined || refuse('table', problem)
  }
  if (typeof table === 'function' || isRecord(table)) return false
  return refuse(
    'table',
    'must be a table name, an entity class or a model. ' +
      'An imported class is undefined here when its file and this one import each other.',
  )
}

function checkColumns(
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

function checkUnique(unique: unknown, write: ReadonlyMap<string, DeclaredColumn>, refuse: Refuse) {
  if (unique === undefined) return new Map<string, UniqueFunction>()
  if (!isRecord(unique)) return refuse('unique', 'must be functions by column: { slug: (slug, n) => slug + n }.')
  return new Map(
    Object.entries(unique)
      .filter(([, another]) => another !== undefined)
      .map(([column, another]): [string, UniqueFunction] => {
        const at = `unique.${column}`
        if (!write.has(column))
          refuse(at, `names a column that is not written. ${didYouMean(column, [...write.keys()])}`)
        return [column, checkFunction<UniqueFunction>(at, another, 'a function (value, n) => another value', refuse)]
      }),
  )
}

function checkReverse(reverse: unknown, mayBeFunction: boolean, refuse: Refuse): BackfillDefinition['reverse'] {
  if (reverse === undefined || reverse === 'not-needed') return reverse
  if (typeof reverse === 'function') {
    if (mayBeFunction) return checkRowFunction('reverse', reverse, refuse)
    return refuse('reverse', 'cannot be a function here, where no row leaves the database. Use { set: { ... } }.')
  }
  if (isRecord(reverse) && 'set' in reverse) {
    const other = Object.keys(reverse).find((member) => member !== 'set')
    if (other !== undefined) refuse(`reverse.${other}`, 'is no option. Only `set` is.')
    return Object.freeze({ set: checkSet('reverse.set', reverse.set, refuse) })
  }
  const choice = mayBeFunction ? ', or (row) => the old values' : ''
  return refuse(
    'reverse',
    `must be 'not-needed', { set: { column: value } }${choice}. Leave it out if there is no way back.`,
  )
}

function checkSet(option: string, set: unknown, refuse: Refuse): ReadonlyMap<string, SetValue> {
  const example = '{ slug: sql`lower(name)` }'
  if (!isRecord(set) || isSql(set)) return refuse(option, `must be values by column: ${example}.`)
  const entries = Object.entries(set)
  if (entries.length === 0) return refuse(option, `names no column: ${example}.`)
  return new Map(
    entries.map(([column, value]): [string, SetValue] => {
      if (column === '') return refuse(option, 'names a column with an empty name.')
      if (value === null || isSql(value)) return [column, value]
      const problem = scalarProblem(value)
      return problem === undefined ? [column, copyOf(value as SetValue & Date)] : refuse(`${option}.${column}`, problem)
    }),
  )
}

const journalDefaults = { maxBytes: 10_000_000_000, keepDays: 30 }

function checkJournal(journal: unknown, refuse: Refuse): BackfillDefinition['journal'] {
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

function checkVerify(verify: unknown, refuse: Refuse): BackfillDefinition['verify'] {
  if (verify === undefined) return Object.freeze({ sample: 500, check: undefined })
  if (!isRecord(verify)) return refuse('verify', 'must be { sample, check }.')
  for (const member of Object.keys(verify)) {
    if (member === 'sample' || member === 'check') continue
    refuse(`verify.${member}`, `is no option. ${didYouMean(member, ['sample', 'check'])}`)
  }
  const { check } = verify
  if (check !== undefined)
    checkFunction('verify.check', check, 'a function of the row that returns true or false', refuse)
  return Object.freeze({
    sample: checkInteger('verify.sample', verify.sample, 500, { from: 0 }, refuse),
    check: check as CheckFunction | undefined,
  })
}

function checkRowFunction(option: string, value: unknown, refuse: Refuse): RowFunction {
  const checked = checkFunction<RowFunction>(option, value, 'a function of the row that returns its new values', refuse)
  if (!neverReturns(checked)) return checked
  return refuse(
    option,
    'returns nothing, so no row would change. Braces after => are a body: write (row) => ({ ... }).',
  )
}

function checkFunction<F>(option: string, value: unknown, wanted: string, refuse: Refuse): F {
  return typeof value === 'function' ? (value as F) : refuse(option, `must be ${wanted}.`)
}

function checkInteger<D extends number | undefined>(
  option: string,
  value: unknown,
  byDefault: D,
  { from, to }: { readonly from: number; readonly to?: number },
  refuse: Refuse,
): number | D {
  if (value === undefined) return byDefault
  if (
    Number.isSafeInteger(value) &&
    (value as number) >= from &&
    (value as number) <= (to ?? Number.MAX_SAFE_INTEGER)
  ) {
    return value as number
  }
  const range = to === undefined ? `an integer from ${from}` : `an integer from ${from} to ${to}`
  const otherwise = byDefault === undefined ? 'leave it out and it is found' : `the default is ${byDefault}`
  return refuse(option, `must be ${range}; ${otherwise}.`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
