import type { ChangedColumn, SchemaColumn } from '../../schema.js'
import type { PrismaRegistry, RegistryField } from '../registry.js'

/** What Prisma calls types, and how a definition declares them. */
const words: Readonly<Record<string, string>> = {
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double',
  Decimal: 'decimal',
  String: 'text',
  Boolean: 'boolean',
  DateTime: 'timestamp',
  Json: 'json',
  Bytes: 'bytes',
}

/** Native types that a definition declares by another word than their Prisma type; undefined = it has none. */
const nativeWords: Readonly<Record<string, string | undefined>> = {
  Uuid: 'uuid',
  Date: 'date',
  Time: 'time',
  Timetz: 'time',
  Inet: undefined,
  Xml: undefined,
  VarBit: undefined,
}

/** How a definition declares a field, without the mark for NULL; undefined where it has no word for it. */
function wordOf({ enums }: PrismaRegistry, { type, nativeType, isList }: RegistryField): string | undefined {
  if (isList) return undefined
  const [native = ''] = nativeType ?? []
  if (native in nativeWords) return nativeWords[native]
  return type in enums ? 'text' : words[type]
}

export function describeField(registry: PrismaRegistry, field: RegistryField, isPrimary: boolean): SchemaColumn {
  const word = wordOf(registry, field)
  const values = registry.enums[field.type]
  const [native, ...settings] = field.nativeType ?? []
  return {
    name: field.column,
    word: word === undefined ? undefined : `${word}${field.isNullable ? '?' : ''}`,
    type:
      native === undefined
        ? `${field.type}${field.isList ? '[]' : ''}`
        : `${native}${settings.length > 0 ? `(${settings.join(', ')})` : ''}`,
    isNullable: field.isNullable,
    fillsItself: field.fillsItself,
    isPrimary,
    ...(values && !field.isList && { values: Object.values(values) }),
  }
}

/** One side of a change: a field, and the schema it is a part of. */
export interface Side {
  readonly registry: PrismaRegistry
  readonly field: RegistryField
  readonly isPrimary: boolean
}

/** How a column that both sides have differs; undefined = it does not. */
export function kindOfChange(before: Side, after: Side): ChangedColumn['kind'] | undefined {
  const [from, to] = [storageOf(before), storageOf(after)]
  if (from.type !== to.type || before.field.isList !== after.field.isList || from.native !== to.native) {
    return isWider(from, to) ? 'widened' : 'converted'
  }
  const [values, wanted] = [valuesOf(before), valuesOf(after)]
  if (values && wanted && values.some((value) => !wanted.includes(value))) return 'converted'
  // On SQLite every whole number that is a key fills itself, whatever the schema says.
  const isSame =
    before.field.isNullable === after.field.isNullable &&
    (before.isPrimary || before.field.fillsItself === after.field.fillsItself) &&
    (values ?? []).length === (wanted ?? []).length
  return isSame ? undefined : 'settings'
}

interface Storage {
  readonly type: string
  readonly native: string
  readonly settings: readonly number[]
}

/** As the database keeps it: SQLite knows neither enums nor native types. */
function storageOf({ registry, field }: Side): Storage {
  const isText = registry.provider === 'sqlite' && field.type in registry.enums
  const [name = '', ...settings] = field.nativeType ?? []
  return {
    type: isText ? 'String' : field.type,
    native: [name, ...settings].join(','),
    settings: settings.map(Number),
  }
}

function valuesOf({ registry, field }: Side): readonly string[] | undefined {
  const values = registry.provider === 'sqlite' ? undefined : registry.enums[field.type]
  return values && Object.values(values)
}

/** Types of which each holds whatever those before it hold; a Prisma type without a native one is its own name. */
const widenings = [
  ['TinyInt', 'SmallInt', 'MediumInt', 'Int', 'BigInt'],
  ['Real', 'Float'],
  ['TinyText', 'Text', 'MediumText', 'LongText'],
]

function isWider(from: Storage, to: Storage): boolean {
  const [one, other] = [nameOf(from), nameOf(to)]
  if (one === other) {
    // Decimal(8, 2) has six digits before its point.
    if (one === 'Decimal') {
      const digits = ([precision = 0, scale = 0]: readonly number[]) => precision - scale
      return digits(to.settings) >= digits(from.settings) && (to.settings[1] ?? 0) >= (from.settings[1] ?? 0)
    }
    return (
      (one === 'VarChar' || one === 'Char') && (to.settings[0] ?? 0) >= (from.settings[0] ?? Number.POSITIVE_INFINITY)
    )
  }
  if (from.type === 'String' && to.type === 'String' && ['VarChar', 'Char'].includes(one)) {
    if (other === 'VarChar') return (to.settings[0] ?? Number.POSITIVE_INFINITY) >= (from.settings[0] ?? 1)
    return ['String', 'Text', 'MediumText', 'LongText'].includes(other) && (from.settings[0] ?? 1) <= 16_383
  }
  return widenings.some((list) => list.includes(one) && list.indexOf(other) > list.indexOf(one))
}

function nameOf({ type, native }: Storage): string {
  const [name] = native.split(',')
  if (name === 'Integer') return 'Int'
  if (name === 'DoublePrecision') return 'Float'
  return name || type
}
