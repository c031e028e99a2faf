import { EntitySchema } from 'typeorm'
import { withSchemaVersion } from '../../src/adapters/typeorm/entity-versions.js'
import type { Json, json, Model, ValueOf } from '../../src/backfill/definition/columns.js'
import {
  type Backfill,
  type ChangesOf,
  defineBackfill,
  type RowOf,
} from '../../src/backfill/definition/define-backfill.js'
import { sequence } from '../../src/backfill/definition/sequence.js'
import { sql } from '../../src/dialects/sql.js'
import { defineVersions } from '../../src/schema-version/define-versions.js'
import { SchemaVersion } from '../../src/schema-version/schema-version.js'
import type { Equal, Expect } from './expect.js'
import type {
  cityCountry,
  citySlug,
  citySlugInSql,
  postStatus,
  SettingsV1,
  SettingsV2,
  userBio,
  userEmail,
  userTags,
} from './five-jobs.test-d.js'

export type Words = [
  Expect<Equal<ValueOf<'integer'>, number>>,
  Expect<Equal<ValueOf<'bigint'>, bigint>>,
  Expect<Equal<ValueOf<'double?'>, number | null>>,
  Expect<Equal<ValueOf<'decimal'>, string>>,
  Expect<Equal<ValueOf<'timestamp?'>, Date | null>>,
  Expect<Equal<ValueOf<'date'>, string>>,
  Expect<Equal<ValueOf<'bytes'>, Uint8Array>>,
  Expect<Equal<ValueOf<'json'>, Json>>,
  Expect<Equal<ValueOf<readonly ['a', 'b', null]>, 'a' | 'b' | null>>,
  Expect<Equal<ValueOf<ReturnType<typeof json<{ a: 1 }>>>, { a: 1 }>>,
  Expect<Equal<ValueOf<ReturnType<typeof json.nullable<{ a: 1 }>>>, { a: 1 } | null>>,
]

export type Definitions = [
  Expect<Equal<RowOf<typeof citySlug>, { name: string }>>,
  Expect<Equal<ChangesOf<typeof citySlug>, { slug: string }>>,
  // No row is seen where the database does the work.
  Expect<Equal<RowOf<typeof citySlugInSql>, never>>,
  Expect<Equal<RowOf<typeof postStatus>, { status: 'NEW' | 'OLD' | null; settings: SettingsV1 | SettingsV2 }>>,
  Expect<Equal<ChangesOf<typeof postStatus>, { status: 'draft' | 'archived'; settings: SettingsV2 }>>,
  Expect<Equal<RowOf<typeof cityCountry>, { country_code: string }>>,
  Expect<Equal<ChangesOf<typeof cityCountry>, { country_id: number }>>,
  Expect<Equal<RowOf<typeof userBio>, { id: number; bio: string | null }>>,
  Expect<
    Equal<ChangesOf<typeof userBio>, { user_id: number; bio: string } | readonly { user_id: number; bio: string }[]>
  >,
  Expect<Equal<RowOf<typeof userTags>, { id: number; tags: string }>>,
  // An optional property is a nullable column: read as null, never as undefined.
  Expect<Equal<RowOf<typeof userEmail>, { email: string; bio: string | null }>>,
  Expect<Equal<ChangesOf<typeof userEmail>, { email: string; kind: 'person' | 'robot' }>>,
  // Every definition is one of the unknown kind, which is what runs and commands take.
  Expect<typeof citySlug extends Backfill ? true : false>,
  Expect<typeof citySlugInSql extends Backfill ? true : false>,
]

/** What a function over a page is given, and what it finds. */
export const givenPage = defineBackfill.page({
  name: 'given a page',
  table: 'post',
  select: { id: 'integer', status: ['NEW', 'OLD'] },
  write: { status: ['draft'], score: 'double?' },
  where: { status: ['NEW', 'OLD'] },
  transform: async (rows, { keys, signal, query }) => {
    const found = await query({ id: 'bigint', kind: ['a', null], at: 'timestamp?' }, sql`select id, kind, at from t`)
    type _Given = [
      Expect<Equal<typeof rows, readonly { id: number; status: 'NEW' | 'OLD' }[]>>,
      Expect<Equal<typeof keys, readonly (readonly string[])[]>>,
      Expect<Equal<typeof signal, AbortSignal>>,
      Expect<Equal<typeof found, readonly { id: bigint; kind: 'a' | null; at: Date | null }[]>>,
    ]
    return rows.map(({ id }) =>
      found.some((one) => one.id === BigInt(id)) ? { status: 'draft', score: id } : undefined,
    )
  },
})

/** What each function is given. */
export const given = defineBackfill({
  name: 'given',
  table: 'post',
  select: { id: 'integer', status: ['NEW', 'OLD'] },
  write: { status: ['draft'], slug: 'text' },
  where: { status: ['NEW', 'OLD', 'draft', null], slug: { not: null }, id: { gte: 1, lt: 9 } },
  transform: (row, { key, signal }) => {
    type _Given = [
      Expect<Equal<typeof row, { id: number; status: 'NEW' | 'OLD' }>>,
      Expect<Equal<typeof key, readonly string[]>>,
      Expect<Equal<typeof signal, AbortSignal>>,
    ]
    return signal.aborted ? undefined : { status: 'draft', slug: row.status }
  },
  unique: {
    slug: (slug, n) => {
      type _Given = [Expect<Equal<typeof slug, string>>, Expect<Equal<typeof n, number>>]
      return slug + n
    },
  },
  reverse: async (row) => {
    type _Given = Expect<Equal<typeof row, { id: number; status: 'draft'; slug: string }>>
    // The old values of what was in place, and NULL for what was filled.
    return row.id > 5 ? { status: 'NEW', slug: null } : undefined
  },
  verify: {
    check: (row) => {
      type _Given = Expect<Equal<typeof row, { id: number; status: 'draft'; slug: string }>>
      return row.slug !== ''
    },
  },
})

/** A model token types the row as an entity class does. */
declare const tag: Model<{ id: bigint; label: string; color: string | null; meta: { depth: number } }>
export const model = defineBackfill({
  name: 'tag.color',
  table: tag,
  select: { id: true, meta: true, label: 'text?' },
  write: { color: ['red', 'green'] },
  where: { color: null, meta: { not: null }, id: { gt: 5n } },
  transform: (row) => {
    type _Given = Expect<Equal<typeof row, { id: bigint; meta: { depth: number }; label: string | null }>>
    return { color: row.meta.depth > 1 ? 'red' : 'green' }
  },
})
export const modelInSql = defineBackfill.sql({
  name: 'tag.label',
  table: tag,
  where: { color: ['red', null] },
  set: { label: sql`lower(label)`, color: null },
})

/** Literals keep their types through await, branches and `undefined`. */
export const literals = defineBackfill({
  name: 'literals',
  table: 'post',
  select: { id: 'integer' },
  write: { status: ['draft', 'live'] },
  transform: async (row) => {
    await Promise.resolve()
    if (row.id === 0) return undefined
    return row.id > 1 ? { status: 'draft' } : { status: 'live' }
  },
})

/** A function over any definition finds its types. */
declare function testing<R, C>(backfill: Backfill<R, C>, cases: readonly { row: R; expect: C }[]): void
export function uses(slug: typeof citySlug): void {
  testing(slug, [{ row: { name: 'Oslo' }, expect: { slug: 'oslo' } }])
  // @ts-expect-error a row without its column
  testing(slug, [{ row: {}, expect: { slug: 'oslo' } }])
}

class Address {
  city!: string
  zip?: string
  geo!: { lat: number }
}

class Shop {
  id!: number
  name!: string
  address!: Address
  former!: Address | null
}

/** Columns of embedded entities go by their path, in the row as well. */
export const embedded = defineBackfill({
  name: 'shop.address',
  table: Shop,
  select: { name: true, 'address.city': true, 'address.geo.lat': true, 'former.city': true },
  write: { 'address.zip': true },
  where: { 'address.zip': null, name: { not: null } },
  transform(row) {
    type _Given = [
      Expect<
        Equal<
          typeof row,
          { name: string; 'address.city': string; 'address.geo.lat': number; 'former.city': string | null }
        >
      >,
    ]
    return { 'address.zip': row['former.city'] }
  },
  reverse: { set: { 'address.zip': null } },
})

/** An EntitySchema is what it was, at a version whose columns it has; those of embedded entities go by their path. */
const shopVersions = defineVersions('Shop').version('1.0.0', { id: 'integer', name: 'text', 'address.city': 'text' })
const shopSchema = withSchemaVersion(
  '1.0.0',
  new EntitySchema<Shop>({ name: 'shop', columns: { id: { type: Number }, name: { type: String } } }),
  { of: shopVersions },
)
export type SchemaStays = Expect<Equal<typeof shopSchema, EntitySchema<Shop>>>

@SchemaVersion('1.0.0', { of: shopVersions })
export class VersionedShop extends Shop {}

/** Conditions and what comes first, in every form. */
export const conditional = defineBackfill({
  name: 'conditional',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  when: {
    skip: {
      'SQL finds a row': sql`select 1`,
      'a function knows': async ({ query }) => (await query(sql`select 1`)).length > 0,
    },
    // @ts-expect-error a condition is true or false
    postpone: { 'it is a text': () => 'yes' },
  },
  transform: (row) => ({ slug: row.name }),
})

export const later = defineBackfill.sql({
  name: 'later',
  table: 'city',
  set: { slug: 'x' },
  // @ts-expect-error the definition, not its name
  after: [conditional, 'conditional'],
})

export const ordered = sequence('ordered', [conditional, later])
// @ts-expect-error a sequence has members
export const empty = sequence('empty', [])
// @ts-expect-error members are backfills, not sequences
export const nested = sequence('nested', [ordered])
