import { isSql } from '../../dialects/sql.js'
import {
  checkColumns,
  checkCommon,
  checkJournal,
  checkKnown,
  checkRowFunction,
  checkTable,
  commonOptions,
  type Options,
  open,
  pageTransform,
  rowTransform,
} from './check-parts.js'
import { checkFunction, isRecord } from './check-values.js'
import { checkSqlVerify, checkVerify } from './check-verify.js'
import { checkWhere, copyOf, type Declarations, scalarProblem } from './check-where.js'
import type {
  BackfillDefinition,
  DeclaredColumn,
  SetValue,
  SqlWork,
  Transform,
  TransformWork,
  UniqueFunction,
  ValidatedClass,
} from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'
import { checkSteps } from './steps.js'

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

/** Turns the options of `defineBackfill` into a definition. @throws RowshiftError INVALID_DEFINITION, IN_PLACE_NEEDS_WHERE, FOLLOW_IN_PLACE */
export function checkRowOptions(input: unknown): BackfillDefinition {
  return checkChange(input, rowTransform)
}

/** The same for `defineBackfill.page`. */
export function checkPageOptions(input: unknown): BackfillDefinition {
  return checkChange(input, pageTransform)
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
    transform: transformOf(options, refuse),
    steps: checkSteps(options.steps, refuse),
    unique: checkUnique(options.unique, write, refuse),
    validate: checkClass(options.validate, refuse),
    into: undefined,
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

function checkFollow(follow: unknown, refuse: Refuse): boolean {
  if (follow === undefined || typeof follow === 'boolean') return follow ?? false
  return refuse('follow', 'must be true or false.')
}

function checkClass(value: unknown, refuse: Refuse): ValidatedClass | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'function' && 'prototype' in value) return value as ValidatedClass
  return refuse('validate', 'must be a class with decorators of class-validator. Pass the class itself.')
}
