import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { TableChoice } from '../../schema.js'
import type { PrismaRegistry, RegistryModel } from '../registry.js'
import { columnsOf, isIndex, named, oldIndexName, sameColumns, withFields } from './index-lines.js'
import type { ModelChange } from './read-changes.js'
import { type FieldLine, fieldsIn, parseField, type SchemaBlock, writeField } from './schema-text.js'

/*
 * Between the schema of the database and the one that is wanted there are schemas that rows of both fit: Prisma writes the
 * statements from each to the next.
 *
 *   old --expand--> both --drop--> narrowed | renamed --contract--> wanted
 */

export interface SchemaText {
  readonly blocks: readonly SchemaBlock[]
  readonly registry: PrismaRegistry
}

export interface IntermediateSchemas {
  /** New columns may be NULL, old ones are still there and may be NULL too. */
  readonly both: readonly SchemaBlock[]
  /** Without the columns that go; undefined where no column gets another's name, so that one step does it all. */
  readonly narrowed: readonly SchemaBlock[] | undefined
  /** The same after the renames. */
  readonly renamed: readonly SchemaBlock[] | undefined
  readonly renames: readonly { readonly change: ModelChange; readonly from: string; readonly to: string }[]
}

/** @throws RowshiftError UNSUPPORTED_CHANGE for another primary key */
export function intermediateSchemas(
  old: SchemaText,
  wanted: SchemaText,
  changes: readonly ModelChange[],
  choices: ReadonlyMap<string, TableChoice>,
): IntermediateSchemas {
  const chosen = changes.filter(({ table, isNew }) => choices.has(table) && !isNew)
  const renames = chosen.flatMap((change) => {
    const { renames, shadows } = choices.get(change.table)!
    return [
      ...shadows.map(({ column, shadow }) => ({ change, from: shadow, to: column })),
      ...renames.map((one) => ({ change, ...one })),
    ]
  })
  const stage = (at: Stage) =>
    withOldEnums(
      old,
      wanted.blocks.map((block) => {
        const change = block.kind === 'model' ? chosen.find(({ entity }) => entity === block.name) : undefined
        return change ? modelAt(at, old, wanted, block, change, choices.get(change.table)!) : block
      }),
    )
  const isSplit = renames.length > 0
  return {
    both: stage('both'),
    narrowed: isSplit ? stage('narrowed') : undefined,
    renamed: isSplit ? stage('renamed') : undefined,
    renames,
  }
}

type Stage = 'both' | 'narrowed' | 'renamed'

/** A field with what the registry says of it. */
interface Field {
  readonly line: FieldLine
  readonly column: string
  readonly isNullable: boolean
  readonly fillsItself: boolean
}

function modelAt(
  at: Stage,
  old: SchemaText,
  wanted: SchemaText,
  block: SchemaBlock,
  change: ModelChange,
  choice: TableChoice,
): SchemaBlock {
  const [oldModel, newModel] = [old.registry.models[change.oldModel!]!, wanted.registry.models[change.entity]!]
  requireSameKey(change, choice, oldModel, newModel)
  const oldBlock = old.blocks.find(({ kind, name }) => kind === 'model' && name === change.oldModel)!
  // A name that the schema has given to another column meanwhile.
  const oldFields = fieldsOf(oldBlock, oldModel).map((field) =>
    [field.column, undefined].includes(newModel.fields[field.line.name]?.column)
      ? field
      : { ...field, line: mapped(field.line, `${field.line.name}_before`, field.column) },
  )
  const newFields = fieldsOf(block, newModel)
  const oldBy = (column: string) => oldFields.find((field) => field.column === column)
  const newBy = (column: string) => newFields.find((field) => field.column === column)
  const isOldUnique = (names: readonly string[]) =>
    oldModel.uniques.some((unique) => sameColumns(columnsOf(oldModel, unique), columnsOf(newModel, names)))
  const changed = new Map(change.changed.map(({ after, kind }) => [after.name, kind]))
  const renamedTo = new Set(choice.renames.map(({ to }) => to))
  const added = new Set(change.added.map(({ name }) => name))

  const lines: string[] = []
  const optional = new Set<string>()
  const add = (line: FieldLine) => {
    if (line.arity === '?') optional.add(line.name)
    lines.push(writeField(line))
  }
  for (const field of newFields) {
    const shadow = choice.shadows.find(({ column }) => column === field.column)
    if (shadow) {
      const shadowLine = plain(field.line)
      if (at === 'both') add(nullable(oldBy(field.column)!))
      if (at === 'renamed') add(mapped(shadowLine, field.line.name, field.column))
      else add(mapped(shadowLine, shadow.shadow, shadow.shadow))
    } else if (renamedTo.has(field.column)) {
      const source = oldBy(choice.renames.find(({ to }) => to === field.column)!.from)!
      const attributes = source.line.attributes.map((attribute) =>
        attribute.startsWith('@unique')
          ? named(attribute, oldIndexName(old.registry, oldModel, attribute, [source.line.name]))
          : attribute,
      )
      add(at === 'renamed' ? mapped({ ...source.line, attributes }, field.line.name, field.column) : source.line)
    } else if (added.has(field.column)) {
      add(nullable(field))
    } else if (changed.has(field.column)) {
      const before = oldBy(field.column)!
      const present = renamedLine(before.line, field.line.name, field.column)
      const line = changed.get(field.column) === 'widened' ? typedAs(present, field.line) : present
      add(field.isNullable && line.arity === '' ? { ...line, arity: '?' } : line)
    } else {
      add(isOldUnique([field.line.name]) ? field.line : without(field.line, '@unique'))
    }
  }
  const kept = at === 'both' ? goneColumns(change, choice).map((column) => oldBy(column)!) : []
  for (const field of kept) add(nullable(field))

  // Names of fields that are there under their old name, or not there yet.
  const stillOld = new Set([
    ...(at === 'renamed' ? [] : choice.renames.map(({ from }) => oldBy(from)!.line.name)),
    ...kept.map(({ line }) => line.name),
  ])
  const fieldsWhere = (test: (column: string) => boolean) =>
    new Set(newFields.filter(({ column }) => test(column)).map(({ line }) => line.name))
  const missing = fieldsWhere((column) => at !== 'renamed' && renamedTo.has(column))
  const fresh = fieldsWhere((column) => added.has(column) && !renamedTo.has(column))
  const shadowed = fieldsWhere((column) => choice.shadows.some((shadow) => shadow.column === column))
  const isThere = (names: readonly string[], isUnique: boolean): boolean => {
    const isAny = (set: ReadonlySet<string>) => names.some((name) => set.has(name))
    if (isAny(missing)) return false
    // An empty column can be unique at once, and no row gets a value twice; other indexes are cheaper built when it is filled.
    if (isAny(fresh)) return isUnique && !isAny(shadowed)
    return !isUnique || isOldUnique(names)
  }
  const oldName = new Map(
    at === 'renamed' ? [] : choice.renames.map(({ from, to }) => [newBy(to)!.line.name, oldBy(from)!.line.name]),
  )
  const renamedField = new Map(choice.renames.map(({ from, to }) => [oldBy(from)!.line.name, newBy(to)!.line.name]))
  const newNames = new Set(renamedField.values())
  for (const line of block.lines) {
    if (isColumn(line, newModel)) continue
    const field = parseField(line)
    if (field) lines.push(writeField(relationAt(field, optional, oldName)))
    else if (!isIndex(line)) lines.push(line)
    else if (at === 'renamed' && fieldsIn(line).some((name) => newNames.has(name))) continue
    else if (isThere(fieldsIn(line), line.startsWith('@@unique'))) lines.push(line)
  }
  const gone = new Set(at === 'both' ? [] : goneColumns(change, choice).map((column) => oldBy(column)!.line.name))
  for (const line of oldBlock.lines.filter(isIndex)) {
    const names = fieldsIn(line)
    if (names.some((name) => gone.has(name))) continue
    if (at !== 'renamed' && names.some((name) => stillOld.has(name))) lines.push(line)
    // Under its name of before: the columns are renamed, the index is not.
    if (at === 'renamed' && names.some((name) => renamedField.has(name)))
      lines.push(named(withFields(line, renamedField), oldIndexName(old.registry, oldModel, line)))
  }
  return { ...block, lines }
}

function fieldsOf(block: SchemaBlock, model: RegistryModel): readonly Field[] {
  return block.lines.flatMap((text) => {
    const line = parseField(text)
    const field = line && model.fields[line.name]
    return field ? [{ line, ...field }] : []
  })
}

const isColumn = (line: string, model: RegistryModel): boolean => (parseField(line)?.name ?? '') in model.fields

/**
 * A relation may be missing where its column may be NULL. What is done when a row that is referred to goes stays as it will be, or Prisma
 * would make the foreign key anew.
 */
function relationAt(field: FieldLine, optional: ReadonlySet<string>, oldName: ReadonlyMap<string, string>): FieldLine {
  const at = field.attributes.findIndex((attribute) => attribute.startsWith('@relation') && /\bfields:/.test(attribute))
  const relation = field.attributes[at]
  if (relation === undefined) return field
  const before = relation.replace(/\bfields:\s*\[[^\]]*\]/, (list) => withFields(list, oldName))
  const isOptional = field.arity === '' && fieldsIn(before, 'fields').some((name) => optional.has(name))
  const isStated = !isOptional || /\bonDelete:/.test(before)
  const after = isStated ? before : `${before.slice(0, -1)}, onDelete: Restrict)`
  return { ...field, arity: isOptional ? '?' : field.arity, attributes: field.attributes.with(at, after) }
}

/** Gone for good: neither renamed nor converted. */
function goneColumns(change: ModelChange, { renames }: TableChoice): readonly string[] {
  return change.dropped.map(({ name }) => name).filter((name) => !renames.some(({ from }) => from === name))
}

/** So that new code can leave it out. A column with a default may be left out as it is. */
function nullable({ line, isNullable, fillsItself }: Field): FieldLine {
  return isNullable || fillsItself || line.arity === '[]' ? line : { ...line, arity: '?' }
}

const without = (line: FieldLine, attribute: string): FieldLine => ({
  ...line,
  attributes: line.attributes.filter((one) => !one.startsWith(attribute)),
})

/** The type of a field, and that it may be NULL: what it demands comes with the contract. */
const plain = (line: FieldLine): FieldLine => ({
  ...line,
  arity: line.arity === '[]' ? '[]' : '?',
  attributes: line.attributes.filter((attribute) => attribute.startsWith('@db.')),
})

const mapped = (line: FieldLine, name: string, column: string): FieldLine => ({
  ...without(line, '@map'),
  name,
  attributes: [...without(line, '@map').attributes, `@map(${JSON.stringify(column)})`],
})

/** A wider type permits more, so it comes first; what else the schema says of the field does not. */
const typedAs = (line: FieldLine, { type, attributes }: FieldLine): FieldLine => ({
  ...line,
  type,
  attributes: [...without(line, '@db.').attributes, ...attributes.filter((attribute) => attribute.startsWith('@db.'))],
})

/** The old line under the name that the schema has for the field now. */
const renamedLine = (line: FieldLine, name: string, column: string): FieldLine =>
  line.name === name ? line : mapped(line, name, column)

/** Values and enums that columns may still hold. */
function withOldEnums(old: SchemaText, blocks: readonly SchemaBlock[]): readonly SchemaBlock[] {
  const used = new Set(blocks.flatMap(({ lines }) => lines.map((line) => parseField(line)?.type)))
  const present = blocks.map((block) => {
    const before = old.blocks.find(({ kind, name }) => kind === 'enum' && block.kind === 'enum' && name === block.name)
    if (!before) return block
    const nameOf = (line: string) => line.split(/\s/)[0]!
    const names = new Set(block.lines.map(nameOf))
    return {
      ...block,
      lines: [...block.lines, ...before.lines.filter((line) => !line.startsWith('@@') && !names.has(nameOf(line)))],
    }
  })
  const gone = old.blocks.filter(
    ({ kind, name }) =>
      kind === 'enum' && used.has(name) && !blocks.some((block) => block.kind === 'enum' && block.name === name),
  )
  return [...present, ...gone]
}

function requireSameKey(
  change: ModelChange,
  { renames }: TableChoice,
  old: RegistryModel,
  wanted: RegistryModel,
): void {
  const before = columnsOf(old, old.key).map((column) => renames.find(({ from }) => from === column)?.to ?? column)
  if (sameColumns(before, columnsOf(wanted, wanted.key))) return
  throw new RowshiftError('UNSUPPORTED_CHANGE', {
    message: `"${change.table}" gets another primary key, which no generated migration can make safely. Make this change in a migration of your own.`,
    details: { table: change.table },
  })
}
