import type { Dialect } from '../../dialects/dialect.js'
import type { ColumnInfo, ColumnKind } from '../../dialects/table.js'
import { requireValidDate } from '../../dialects/values.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { MappedColumn, MappedTable } from '../database.js'
import type { DecimalClass } from './client-runtime.js'
import { modelOfToken } from './model-tokens.js'
import type { PrismaRegistry, RegistryField, RegistryModel } from './registry.js'

/** A model by the name that a client has for it: `city` for `City`. */
export function modelNamed(registry: PrismaRegistry | undefined, name: string): RegistryModel | undefined {
  const found = Object.keys(registry?.models ?? {}).find((model) => delegateName(model) === name)
  return found === undefined ? undefined : registry!.models[found]
}

/** `UserProfile` is `userProfile` on a client. */
export const delegateName = (model: string): string => model.slice(0, 1).toLowerCase() + model.slice(1)

/**
 * A model's table and its fields, converted as the client converts them.
 * @param schema of tables for which the schema file names none
 * @throws RowshiftError ENTITY_NOT_FOUND
 */
export function mappedModel(
  source: unknown,
  registry: PrismaRegistry | undefined,
  dialect: Dialect,
  schema: string | undefined,
  decimal: DecimalClass | undefined,
): MappedTable {
  const name = modelOfToken(source)
  const model = name === undefined ? undefined : modelNamed(registry, name)
  if (!registry || !model) throw unknownModel(name, registry)
  const columns = Object.entries(model.fields).map(
    ([field, about]) => [field, mappedField(about, registry, dialect, decimal)] as const,
  )
  return { table: { schema: model.schema ?? schema, name: model.table }, columns: new Map(columns) }
}

function unknownModel(name: string | undefined, registry: PrismaRegistry | undefined): RowshiftError {
  const message =
    name === undefined
      ? "a Prisma database knows tables by name and models by their tokens, `prismaModels<PrismaClient>()`. An entity class is TypeORM's."
      : registry
        ? `the registry has no model "${name}". Run \`prisma generate\`, so that it is written anew from the schema.`
        : `model "${name}" needs the registry: add \`generator rowshift { provider = "rowshift-prisma" }\` to the schema, run \`prisma generate\`, and pass what it exports, \`prisma(client, { registry })\`.`
  return new RowshiftError('ENTITY_NOT_FOUND', { message, details: { entity: name } })
}

const kinds: Readonly<Record<string, ColumnKind>> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double',
  Decimal: 'decimal',
  Boolean: 'boolean',
  DateTime: 'timestamp',
  Json: 'json',
  Bytes: 'bytes',
}

function mappedField(
  field: RegistryField,
  registry: PrismaRegistry,
  dialect: Dialect,
  decimal: DecimalClass | undefined,
): MappedColumn {
  const conversion = conversionOf(field, registry, dialect, decimal)
  // Refused when a definition names it, before any row is read.
  if (!conversion)
    return { column: field.column, unusable: () => unreadable(field), decode: () => null, encode: () => null }
  const { decode, encode } = conversion
  return {
    column: field.column,
    decode: (text, column) => (text === null ? null : decode(text, column)),
    encode: (value, column) => (value === null || value === undefined ? null : encode(value, column)),
  }
}

interface Conversion {
  decode(text: string, column: ColumnInfo): unknown
  encode(value: unknown, column: ColumnInfo): string
}

function conversionOf(
  field: RegistryField,
  registry: PrismaRegistry,
  dialect: Dialect,
  decimal: DecimalClass | undefined,
): Conversion | undefined {
  const plain = (kind: ColumnKind): Conversion => ({
    decode: (text, column) => codecOf(dialect, column, kind, field).decode(text),
    encode: (value, column) => codecOf(dialect, column, kind, field).encode(value),
  })
  if (field.isList) return undefined
  const values = registry.enums[field.type]
  if (values) return enumConversion(plain('text'), values)
  const kind = kinds[field.type]
  if (kind === undefined) return undefined
  const base = plain(kind)
  if (field.type === 'Decimal') {
    return {
      decode: (text, column) => {
        const exact = base.decode(text, column) as string
        return decimal ? new decimal(exact) : exact
      },
      encode: (value, column) => base.encode(typeof value === 'object' ? toFixed(value) : String(value), column),
    }
  }
  if (field.type === 'DateTime') return momentConversion(base, dialect)
  return base
}

const toFixed = (value: unknown): string => (value as { toFixed(): string }).toFixed()

/** A value of an enum has a name in the schema, and in the database the same or another one. */
function enumConversion(text: Conversion, values: Readonly<Record<string, string>>): Conversion {
  const names = new Map(Object.entries(values).map(([name, stored]) => [stored, name]))
  return {
    decode(read, column) {
      const stored = text.decode(read, column) as string
      return names.get(stored) ?? stored
    },
    encode: (value, column) => text.encode(values[String(value)] ?? value, column),
  }
}

/** A `DateTime` is a Date, also for columns of dates and times alone, and without a zone it is meant in UTC. */
function momentConversion(timestamp: Conversion, dialect: Dialect): Conversion {
  return {
    decode(text, column) {
      if (column.kind === 'date' && dialect.name !== 'sqlite') return new Date(`${text}T00:00:00.000Z`)
      if (column.kind === 'time') return new Date(`1970-01-01T${text.slice(0, 12)}Z`)
      return timestamp.decode(text, column)
    },
    encode(value, column) {
      const iso = requireValidDate(value).toISOString()
      // As Prisma stores it, so that old and new values compare as texts.
      if (dialect.name === 'sqlite') return iso.replace('Z', '+00:00')
      if (column.kind === 'date') return iso.slice(0, 10)
      if (column.kind === 'time') return iso.slice(11, 23)
      return timestamp.encode(value, column)
    },
  }
}

function codecOf(dialect: Dialect, column: ColumnInfo, kind: ColumnKind, field: RegistryField) {
  const codec = dialect.codec(column, kind)
  if (codec) return codec
  throw new RowshiftError('COLUMN_TYPE_MISMATCH', {
    message: `the schema declares "${field.column}" as ${field.type}, but the column is ${column.type}. Bring the schema and the database together, or name the table and declare the column's type.`,
    details: { column: field.column, type: column.type },
  })
}

function unreadable(field: RegistryField): RowshiftError {
  return new RowshiftError('COLUMN_TYPE_MISMATCH', {
    message: `"${field.column}" is ${field.isList ? 'a list' : `of the type ${field.type}`}, which is read by its table's name and a declared type only: \`table: '…', select: { ${field.column}: 'text' }\`.`,
    details: { column: field.column, type: field.type },
  })
}
