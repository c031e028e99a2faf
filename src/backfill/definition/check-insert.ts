import {
  checkColumns,
  checkCommon,
  checkJournal,
  checkKnown,
  checkTable,
  commonOptions,
  type Options,
  open,
  pageTransform,
  rowTransform,
} from './check-parts.js'
import { isRecord } from './check-values.js'
import { checkSqlVerify } from './check-verify.js'
import { checkWhere, type Declarations } from './check-where.js'
import type { BackfillDefinition, DeclaredColumn, Into, Transform, TransformWork } from './definition.js'
import { didYouMean } from './nearest.js'
import type { Refuse } from './refuse.js'

const insertOptions = [...commonOptions, 'select', 'into', 'write', 'onConflict', 'transform', 'journal', 'verify']

/** What belongs to rows that are changed in place. */
const notHere = ['unique', 'validate', 'follow', 'set']

/** Turns the options of `defineBackfill.insert` into a definition. @throws RowshiftError INVALID_DEFINITION */
export function checkInsertOptions(input: unknown): BackfillDefinition {
  return checkInsert(input, rowTransform)
}

/** The same for `defineBackfill.insert.page`. */
export function checkInsertPageOptions(input: unknown): BackfillDefinition {
  return checkInsert(input, pageTransform)
}

function checkInsert(input: unknown, transformOf: (options: Options, refuse: Refuse) => Transform): BackfillDefinition {
  const { options, refuse } = open(input)
  for (const option of notHere) {
    if (option in options)
      refuse(option, 'belongs to other forms: here the rows that are read stay as they are, and others are created.')
  }
  checkKnown(options, insertOptions, refuse)
  const isNamed = checkTable(options.table, refuse)
  const select = checkColumns('select', options.select, isNamed, refuse)
  const write = checkColumns('write', options.write, checkTable(options.into, refuse, 'into'), refuse)
  const declarations: Declarations = (column) => {
    const declared = select.get(column)
    return declared ? [declared] : isNamed ? undefined : 'undeclared'
  }
  const condition = checkWhere(options.where, declarations, [...select.keys()], refuse)
  if (options.reverse !== undefined && options.reverse !== 'not-needed')
    refuse('reverse', "must be 'not-needed', or left out: created rows are deleted by their `journal`.")
  const work: TransformWork = {
    form: 'transform',
    select,
    write,
    transform: transformOf(options, refuse),
    steps: [],
    unique: new Map(),
    validate: undefined,
    into: Object.freeze({ source: options.into, onConflict: checkOnConflict(options.onConflict, write, refuse) }),
    isPartial: false,
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

function checkOnConflict(
  value: unknown,
  write: ReadonlyMap<string, DeclaredColumn>,
  refuse: Refuse,
): Into['onConflict'] {
  if (value === undefined) return undefined
  const example = "{ key: ['user_id'], do: 'skip' }"
  if (!isRecord(value)) return refuse('onConflict', `must say by which columns, and what to do: ${example}.`)
  for (const member of Object.keys(value)) {
    if (member !== 'key' && member !== 'do')
      refuse(`onConflict.${member}`, `is no option. ${didYouMean(member, ['key', 'do'])}`)
  }
  const { key, do: action } = value
  if (action !== 'skip' && action !== 'update' && action !== 'fail')
    return refuse('onConflict.do', "must be 'skip', 'update' or 'fail'.")
  if (!Array.isArray(key) || key.length === 0)
    return refuse('onConflict.key', `must be a list of columns in \`write\`: ${example}.`)
  for (const column of key) {
    if (!write.has(column))
      refuse('onConflict.key', `names "${column}", which is not in \`write\`. ${didYouMean(column, [...write.keys()])}`)
  }
  if (action === 'update' && [...write.keys()].every((column) => key.includes(column)))
    refuse('onConflict.do', "is 'update', but `write` has no other columns than the key: use 'skip'.")
  return Object.freeze({ key: Object.freeze([...new Set(key as string[])]), do: action })
}
