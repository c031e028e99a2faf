/**
 * Mistakes, with what the compiler says about each. A comment above a line holds the whole message, elaboration included:
 * messages.test.ts compares them, so that a change that makes a message worse is seen.
 */
import { EntitySchema } from 'typeorm'
import { withSchemaVersion } from '../../src/adapters/typeorm/entity-versions.js'
import { defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { sql } from '../../src/dialects/sql.js'
import { defineVersions } from '../../src/schema-version/define-versions.js'
import { SchemaVersion } from '../../src/schema-version/schema-version.js'
import { upgrade } from '../../src/schema-version/steps.js'

class City {
  id!: number
  name!: string
  slug!: string
  kind!: 'town' | 'village'
  settings!: { size: number }
  slugify(): string {
    return this.name
  }
}
declare function slugify(text: string): string

export const noSuchColumn = defineBackfill({
  name: 'a column the entity does not have',
  table: City,
  // error: Type 'true' is not assignable to type '"no such column"'.
  select: { id: true, nmae: true },
  write: { slug: true },
  transform: () => ({ slug: 'x' }),
})

export const method = defineBackfill({
  name: 'a method for a column',
  table: City,
  select: { id: true },
  // error: Type 'true' is not assignable to type '"a method is not a column"'.
  write: { slugify: true },
  transform: () => undefined,
})

export const trueForTable = defineBackfill({
  name: 'true for a table name',
  table: 'city',
  // error: Type 'true' is not assignable to type '"a table name needs column types"'.
  select: { id: true },
  write: { slug: 'text' },
  transform: () => ({ slug: 'x' }),
})

export const pageForgets = defineBackfill.page({
  name: 'a field that an entry of a page lacks',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text', rank: 'integer' },
  // error: Type '{ slug: string; }[]' is not assignable to type 'Promise<readonly ({ slug: string; rank: number; } | undefined)[]> | readonly ({ slug: string; rank: number; } | undefined)[]'.
  // Type '{ slug: string; }[]' is not assignable to type 'readonly ({ slug: string; rank: number; } | undefined)[]'.
  // Property 'rank' is missing in type '{ slug: string; }' but required in type '{ slug: string; rank: number; }'.
  transform: (rows) => rows.map((row) => ({ slug: slugify(row.name) })),
})

export const insertForgets = defineBackfill.insert({
  name: 'a field that a created row lacks',
  table: 'city',
  select: { name: 'text' },
  into: 'place',
  write: { name: 'text', rank: 'integer' },
  // error: Type '{ name: string; }' is not assignable to type 'Changed<Created<unknown, { readonly name: "text"; readonly rank: "integer"; }>>'.
  // Property 'rank' is missing in type '{ name: string; }' but required in type '{ name: string; rank: number; }'.
  transform: (row) => ({ name: row.name }),
})

export const insertKey = defineBackfill.insert({
  name: 'a key that is not written',
  table: 'city',
  select: { name: 'text' },
  into: City,
  write: { name: true },
  // error: Type '"nmae"' is not assignable to type '"name"'.
  onConflict: { key: ['nmae'], do: 'skip' },
  transform: (row) => [{ name: row.name }],
})

export const deleteWhere = defineBackfill.delete({
  name: 'rows by a column the entity does not have',
  table: City,
  // error: Object literal may only specify known properties, and 'nmae' does not exist in type 'Where<City>'.
  where: { nmae: 'Rome' },
})

// error: Property 'where' is missing in type '{ name: string; table: string; }' but required in type 'DeleteBackfillOptions<unknown, unknown>'.
export const deleteAll = defineBackfill.delete({
  name: 'every row',
  table: 'city',
})

export const dedupeBy = defineBackfill.dedupe({
  name: 'the same by a column the entity does not have',
  table: City,
  // error: Type '"nmae"' is not assignable to type '`${string}.${string}` | ColumnName<City>'.
  by: ['nmae'],
  // error: Type '"slgu"' is not assignable to type '`${string}.${string}` | ColumnName<City>'.
  keep: { first: 'slgu' },
})

export const dedupeMark = defineBackfill.dedupe({
  name: 'a mark of another type',
  table: City,
  by: ['name', 'kind'],
  keep: [{ last: 'slug' }, { first: 'id' }],
  // error: Type '"ruin"' is not assignable to type '"town" | "village" | undefined'.
  others: { mark: { kind: 'ruin' } },
})

export const unknownType = defineBackfill({
  name: 'an unknown type',
  table: 'city',
  // error: Type '"int"' is not assignable to type '"bigint" | "boolean" | "bytes" | "date" | "decimal" | "double" | "integer" | "json" | "text" | "time" | "timestamp" | "uuid"'.
  select: { id: 'int', name: 'text' },
  write: { slug: 'text' },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const unknownNullableType = defineBackfill({
  name: 'an unknown nullable type',
  table: 'city',
  select: { name: 'text' },
  // error: Type '"string?"' is not assignable to type '"bigint?" | "boolean?" | "bytes?" | "date?" | "decimal?" | "double?" | "integer?" | "json?" | "text?" | "time?" | "timestamp?" | "uuid?"'.
  write: { slug: 'string?' },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const notSelected = defineBackfill({
  name: 'a column that is not selected',
  table: 'city',
  select: { id: 'integer' },
  write: { slug: 'text' },
  // error: Property 'name' does not exist on type '{ id: number; }'.
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const forgotten = defineBackfill({
  name: 'a written column forgotten',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text', kind: 'text' },
  // error: Type '{ slug: string; }' is not assignable to type 'Changed<{ slug: string; kind: string; }>'.
  //        Property 'kind' is missing in type '{ slug: string; }' but required in type '{ slug: string; kind: string; }'.
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const misspelt = defineBackfill({
  name: 'a written column misspelt',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Type '{ slgu: string; }' is not assignable to type 'Changed<{ slug: string; }>'.
  transform: (row) => ({ slgu: slugify(row.name) }),
})

export const wrongType = defineBackfill({
  name: 'a value of the wrong type',
  table: 'city',
  select: { id: 'integer' },
  write: { slug: 'text' },
  // error: Type 'number' is not assignable to type 'string'.
  transform: (row) => ({ slug: row.id }),
})

export const wrongLiteral = defineBackfill({
  name: 'a value that is not allowed',
  table: 'city',
  select: { id: 'integer' },
  write: { kind: ['town', 'village'] },
  // error: Type 'string' is not assignable to type '"town" | "village"'.
  transform: () => ({ kind: 'hamlet' }),
})

export const wrongLiteralAsync = defineBackfill({
  name: 'a value that is not allowed, in a promise',
  table: City,
  select: { id: true },
  write: { kind: true },
  // error: Type 'Promise<{ kind: string; }>' is not assignable to type 'Changed<{ kind: "town" | "village"; }>'.
  //        Type 'Promise<{ kind: string; }>' is not assignable to type 'Promise<{ kind: "town" | "village"; } | undefined>'.
  //          Type '{ kind: string; }' is not assignable to type '{ kind: "town" | "village"; }'.
  //            Types of property 'kind' are incompatible.
  //              Type 'string' is not assignable to type '"town" | "village"'.
  transform: async () => ({ kind: 'hamlet' }),
})

export const nullable = defineBackfill({
  name: 'NULL into a column without',
  table: 'city',
  select: { name: 'text?' },
  write: { slug: 'text' },
  // error: Type 'string | null' is not assignable to type 'string'.
  //        Type 'null' is not assignable to type 'string'.
  transform: (row) => ({ slug: row.name }),
})

// error: Property 'write' is missing in type '{ name: string; table: string; select: { name: "text"; }; transform: (row: { name: string; }) => { slug: string; }; }' but required in type 'BackfillOptions<unknown, { readonly name: "text"; }, Readonly<Record<string, string | true | readonly (string | null)[] | TypedColumn<unknown>>> & CheckedSelection<unknown, unknown>>'.
export const noWrite = defineBackfill({
  name: 'no write',
  table: 'city',
  select: { name: 'text' },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const whereMisspelt = defineBackfill({
  name: 'a condition on no column',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Object literal may only specify known properties, and 'slgu' does not exist in type 'Where<{ name: string; slug: string; }>'.
  where: { slgu: null },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const whereType = defineBackfill({
  name: 'a condition of the wrong type',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Type 'number' is not assignable to type 'Comparison<string> | undefined'.
  where: { name: 3 },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const whereJson = defineBackfill({
  name: 'a condition on the inside of JSON',
  table: City,
  select: { name: true },
  write: { slug: true },
  // error: Object literal may only specify known properties, and 'size' does not exist in type '{ readonly not: null; }'.
  where: { settings: { size: 3 } },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const unknownOption = defineBackfill({
  name: 'an unknown option',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Object literal may only specify known properties, and 'batchSize' does not exist in type 'BackfillOptions<unknown, { readonly name: "text"; }, { readonly slug: "text"; }>'.
  batchSize: 100,
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const bothForms = defineBackfill({
  name: 'set and transform',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Object literal may only specify known properties, and 'set' does not exist in type 'BackfillOptions<unknown, { readonly name: "text"; }, { readonly slug: "text"; }>'.
  set: { slug: sql`lower(name)` },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const uniqueNotWritten = defineBackfill({
  name: 'unique on a column that is not written',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  // error: Object literal may only specify known properties, and 'name' does not exist in type '{ readonly slug?: ((value: string, n: number) => string) | undefined; }'.
  unique: { name: (name: string, n: number) => name + n },
  transform: (row) => ({ slug: slugify(row.name) }),
})

export const reverseType = defineBackfill({
  name: 'an old value of the wrong type',
  table: 'city',
  select: { code: 'text' },
  write: { country: 'integer' },
  transform: () => ({ country: 1 }),
  // error: Type '(row: { code: string; country: number; }) => { code: number; }' is not assignable to type '"not-needed" | ((row: { code: string; country: number; }, context: RowContext) => Changed<{ code?: string | undefined; country?: number | null | undefined; }>) | { ...; } | undefined'.
  //        Type '(row: { code: string; country: number; }) => { code: number; }' is not assignable to type '(row: { code: string; country: number; }, context: RowContext) => Changed<{ code?: string | undefined; country?: number | null | undefined; }>'.
  //          Type '{ code: number; }' is not assignable to type 'Changed<{ code?: string | undefined; country?: number | null | undefined; }>'.
  //            Type '{ code: number; }' is not assignable to type '{ code?: string | undefined; country?: number | null | undefined; }'.
  //              Types of property 'code' are incompatible.
  //                Type 'number' is not assignable to type 'string'.
  reverse: (row) => ({ code: row.country }),
})

export const asyncCheck = defineBackfill({
  name: 'an assertion that is a promise, which would always hold',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  transform: (row) => ({ slug: slugify(row.name) }),
  // error: Type '(row: { name: string; slug: string; }) => Promise<boolean>' is not assignable to type '(row: { name: string; slug: string; }) => boolean'.
  //        Type 'Promise<boolean>' is not assignable to type 'boolean'.
  verify: { check: async (row) => row.slug !== '' },
})

export const setMisspelt = defineBackfill.sql({
  name: 'set, no such column',
  table: City,
  // error: Type 'Sql' is not assignable to type '"no such column"'.
  set: { slgu: sql`lower(name)` },
})

export const setType = defineBackfill.sql({
  name: 'set, a value that is not allowed',
  table: City,
  // error: Type '"hamlet"' is not assignable to type '"town" | "village" | Sql'.
  set: { kind: 'hamlet' },
})

export const setFunction = defineBackfill.sql({
  name: 'set, a function',
  table: 'city',
  // error: Type '(row: City) => string' is not assignable to type 'Sql | Scalar | null'.
  set: { slug: (row: City) => row.name },
})

export const reverseSetMisspelt = defineBackfill.sql({
  name: 'reverse, no such column',
  table: City,
  set: { kind: 'town' },
  // error: Object literal may only specify known properties, and 'kidn' does not exist in type '{ readonly [x: `${string}.${string}`]: Sql | Scalar | null | undefined; readonly id?: Sql | Scalar | null | undefined; readonly kind?: Sql | Scalar | null | undefined; readonly name?: Sql | ... 2 more ... | undefined; readonly settings?: Sql | ... 2 more ... | undefined; readonly slug?: Sql | ... 2 more ... | undefi...'.
  reverse: { set: { kidn: null } },
})

export const sqlWithTransform = defineBackfill.sql({
  name: 'a function in SQL',
  table: 'city',
  set: { slug: sql`lower(name)` },
  // error: Object literal may only specify known properties, and 'transform' does not exist in type 'SqlBackfillOptions<unknown, { readonly slug: Sql; }>'.
  transform: () => ({ slug: 'x' }),
})

class Shop {
  id!: number
  name!: string
  address!: { city: string; zip: string | null }
}

defineBackfill({
  name: 'embedded, no such column',
  table: Shop,
  select: {
    'address.city': true,
    // error: Type 'true' is not assignable to type '"no such column"'.
    'address.ctiy': true,
    // error: Type 'true' is not assignable to type '"no such column"'.
    'name.length': true,
  },
  write: { 'address.zip': true },
  transform: () => undefined,
})

/* Schema versions. */

const versions = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text', slug: 'text' }, { upgrade: (row) => ({ slug: row.name }) })

// error: Argument of type '"2.0.0"' is not assignable to parameter of type '"2.0.0 is already defined"'.
export const sameVersion = versions.version('2.0.0', { id: 'integer' })

// error: Expected 3-4 arguments, but got 2.
export const noUpgrade = versions.version('3.0.0', { id: 'integer', name: 'text', slug: 'text', kind: 'text' })

export const forgottenField = versions.version(
  '3.0.0',
  { id: 'integer', name: 'text', slug: 'text', kind: 'text' },
  // error: Type '{}' is not assignable to type 'StepChanges<{ id: number; name: string; slug: string; }, { id: number; name: string; slug: string; kind: string; }, never>'.
  //   Property 'kind' is missing in type '{}' but required in type '{ kind: string; }'.
  { upgrade: () => ({}) },
)

export const goneField = versions.version(
  '3.0.0',
  { id: 'integer', title: 'text' },
  // error: Property 'titel' does not exist on type '{ id: number; name: string; slug: string; }'.
  { upgrade: (row) => ({ title: row.titel }) },
)

export const asynchronous = versions.version(
  '3.0.0',
  { id: 'integer', title: 'text' },
  // error: Type 'Promise<{ title: string; }>' is not assignable to type 'StepChanges<{ id: number; name: string; slug: string; }, { id: number; title: string; }, never>'.
  //   Property 'title' is missing in type 'Promise<{ title: string; }>' but required in type '{ title: string; }'.
  { upgrade: async (row) => ({ title: row.name }) },
)

// error: Type '"9.0.0"' is not assignable to type '"1.0.0" | "2.0.0" | undefined'. Did you mean '"1.0.0"'?
export const noSuchVersion = versions.convert({ id: 1, name: 'Oslo' }, { from: '1.0.0', to: '9.0.0', as: 'plain' })

// error: Property 'name' is missing in type '{ id: number; }' but required in type '{ id: number; name: string; }'.
export const otherRow = versions.convert({ id: 1 }, { from: '1.0.0', to: '2.0.0', as: 'plain' })

// error: Unable to resolve signature of class decorator when called as an expression.
//   Argument of type 'typeof WithoutSlug' is not assignable to parameter of type 'abstract new (...args: never) => { id: number; name: string; slug: string; }'.
//   Property 'slug' is missing in type 'WithoutSlug' but required in type '{ id: number; name: string; slug: string; }'.
@SchemaVersion('2.0.0', { of: versions })
export class WithoutSlug {
  id!: number
  name!: string
}

export class Malformed {}
// error: Argument of type '"2.0"' is not assignable to parameter of type '`${number}.${number}.${number}`'.
SchemaVersion('2.0')(Malformed)

class PersonV1 {
  name!: string
}
class PersonV2 {
  firstName!: string
  nick?: string
}

export const incompleteStep = upgrade(
  PersonV1,
  PersonV2,
  // error: Type '{}' is not assignable to type 'StepChanges<DataOf<PersonV1>, DataOf<PersonV2>, never>'.
  //   Property 'firstName' is missing in type '{}' but required in type '{ firstName: string; nick?: string | undefined; }'.
  () => ({}),
)

const person = defineVersions('Person').version('1.0.0', PersonV1)

export const otherStep = person.version(
  '2.0.0',
  // error: Argument of type 'typeof PersonV2' is not assignable to parameter of type 'typeof PersonV1'.
  //   Property 'name' is missing in type 'PersonV2' but required in type 'PersonV1'.
  PersonV2,
  upgrade(PersonV2, PersonV1, ({ firstName }) => ({ name: firstName })),
)

interface Village {
  id: number
  name: string
}
const village = new EntitySchema<Village>({
  name: 'village',
  columns: { id: { type: Number }, name: { type: String } },
})

// error: Argument of type 'EntitySchema<Village>' is not assignable to parameter of type 'EntitySchema<Village> & "the entity has no \"slug\""'.
//   Type 'EntitySchema<Village>' is not assignable to type '"the entity has no \"slug\""'.
export const schemaWithoutSlug = withSchemaVersion('2.0.0', village, { of: versions })

// error: Argument of type '"9.0.0"' is not assignable to parameter of type '"1.0.0" | "2.0.0"'.
export const schemaAtNoVersion = withSchemaVersion('9.0.0', village, { of: versions })
