import { isSql } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { FailureLimit } from '../batch/failure-limit.js'
import { checkFunction, checkInteger, isRecord } from './check-values.js'
import { checkSqlVerify, checkVerify } from './check-verify.js'
import { checkWhere, copyOf, type Declarations, scalarProblem } from './check-where.js'
import { type Column, columnProblem, parseColumn } from './columns.js'
import type {
  BackfillDefinition,
  DeclaredColumn,
  PageFunction,
  RowFunction,
  SetValue,
  SqlWork,
  Transform,
  TransformWork,
  UniqueFunction,
  ValidatedClass,
} from './definition.js'
import { didYouMean } from './nearest.js'
import { neverReturns } from './never-returns.js'
import { type Refuse, refuserOf } from './refuse.js'
import { undoSuffix } from './reverse-of.js'
import { checkSteps } from './steps.js'
import { tableNameProblem } from './table-name.js'

/** Options as they come: from JavaScript, or past the compiler. */
type Options = Readonly<Record<string, unknown>>

const commonOptions = ['name', 'table', 'where', 'reverse', 'revision', 'batchRows', 'delayMs', 'maxFailures']
const rowOptions = [
  ...commonOptions,
  'select',
  'write',
  'transform',
  'steps',
  'unique',
  'validate',
  'verify',
  'journal',
  'follow',
]
const sqlOptions = [...commonOptions, 'set', 'verify']

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
  dto: 'validate',
}

// State tables hold names of 200 characters, and taking back adds a suffix.
const longestName = 190
// A batch travels as one parameter and is held in memory.
const mostBatchRows = 100_000

/** Turns the options of `defineBackfill` into a definition. @throws RowshiftError INVALID_DEFINITION, IN_PLACE_NEEDS_WHERE, FOLLOW_IN_PLACE */
export function checkRowOptions(input: unknown): BackfillDefinition {
  return checkChange(input, (options, refuse) => ({
    per: 'row',
    call: checkRowFunction('transform', options.transform, refuse),
  }))
}

/** The same for `defineBackfill.page`. */
export function checkPageOptions(input: unknown): BackfillDefinition {
  const wanted = 'a function of the rows that returns an entry for each of them'
  return checkChange(input, (options, refuse) => ({
    per: 'page',
    call: checkReturning<PageFunction>('transform', options.transform, wanted, refuse),
  }))
}

function checkChange(input: unknown, transformOf: (options: Options, refuse: Refuse) => Transform): BackfillDefinition {
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
  const follow = checkFollow(options.follow, refuse)
  const inPlace = [...select.keys()].find((column) => write.has(column))
  if (follow && inPlace !== undefined) {
    refuse(
      'follow',
      `cannot be true where "${inPlace}" is read and written: its own writes would look like changes. Write another column.`,
      'FOLLOW_IN_PLACE',
    )
  }
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
    transform: Object.freeze(transformOf(options, refuse)),
    steps: checkSteps(options.steps, refuse),
    unique: checkUnique(options.unique, write, refuse),
    validate: checkClass(options.validate, refuse),
    isPartial: false,
  }
  return Object.freeze({
    ...checkCommon(options, refuse),
    where: condition && Object.freeze({ condition, isNegated: false }),
    reverse: checkReverse(options.reverse, true, refuse),
    journal: checkJournal(options.journal, refuse),
    follow,
    verify: checkVerify(options.verify, inPlace, refuse),
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
  if ('follow' in options) {
    refuse(
      'follow',
      'belongs to defineBackfill(): here the database can keep the columns true itself, by a trigger of yours.',
    )
  }
  for (const option of ['transform', 'select', 'write', 'unique', 'validate']) {
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
    follow: false,
    verify: checkSqlVerify(options.verify, refuse),
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
    maxFailures: checkMaxFailures(options.maxFailures, refuse),
  }
}

function checkMaxFailures(value: unknown, refuse: Refuse): FailureLimit | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 0) return Object.freeze({ rows: value as number })
  const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] : undefined
  if (percent !== undefined && Number(percent) <= 100) return Object.freeze({ share: Number(percent) / 100 })
  return refuse('maxFailures', "must be a number of rows from 0, or a share such as '0.5%'.")
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

function checkFollow(follow: unknown, refuse: Refuse): boolean {
  if (follow === undefined || typeof follow === 'boolean') return follow ?? false
  return refuse('follow', 'must be true or false.')
}

function checkClass(value: unknown, refuse: Refuse): ValidatedClass | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'function' && 'prototype' in value) return value as ValidatedClass
  return refuse('validate', 'must be a class with decorators of class-validator. Pass the class itself.')
}

function checkRowFunction(option: string, value: unknown, refuse: Refuse): RowFunction {
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
