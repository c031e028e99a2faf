/** The most common jobs, as users type them. They also have to compile with `declaration`: see messages.test.ts. */
import { json } from '../../src/backfill/definition/columns.js'
import { defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { sql } from '../../src/dialects/sql.js'

declare function slugify(text: string): string

// Fill a column.
export const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: (row) => ({ slug: slugify(row.name) }),
  unique: { slug: (slug, n) => `${slug}-${n}` },
  reverse: 'not-needed',
})

// The same, computed by the database.
export const citySlugInSql = defineBackfill.sql({
  name: 'city.slug-in-sql',
  table: 'city',
  where: { slug: null },
  set: { slug: sql`lower(name)`, rank: 1 },
  reverse: { set: { slug: null } },
})

// The same with one query a page.
export const cityCountry = defineBackfill.page({
  name: 'city.country',
  table: 'city',
  select: { country_code: 'text' },
  write: { country_id: 'integer' },
  where: { country_id: null },
  transform: async (rows, { query }) => {
    const codes = rows.map((row) => row.country_code)
    const found = await query(
      { id: 'integer', code: 'text' },
      sql`select id, code from country where code in (${codes})`,
    )
    const ids = new Map(found.map(({ id, code }) => [code, id]))
    return rows.map((row) => {
      const country_id = ids.get(row.country_code)
      return country_id === undefined ? undefined : { country_id }
    })
  },
})

// Move to a related table.
export const userBio = defineBackfill.insert({
  name: 'user.bio-to-profile',
  table: 'user',
  select: { id: 'integer', bio: 'text?' },
  where: { bio: { not: null } },
  into: 'profile',
  write: { user_id: 'integer', bio: 'text' },
  onConflict: { key: ['user_id'], do: 'update' },
  transform: (row) => (row.bio === null ? undefined : { user_id: row.id, bio: row.bio }),
})

// Links of many to many.
export const userTags = defineBackfill.insert.page({
  name: 'user.tags',
  table: 'user',
  select: { id: 'integer', tags: 'text' },
  into: 'user_tag',
  write: { user_id: 'integer', tag_id: 'integer' },
  onConflict: { key: ['user_id', 'tag_id'], do: 'skip' },
  transform: async (rows, { query }) => {
    const words = rows.flatMap((row) => row.tags.split(','))
    const found = await query({ id: 'integer', word: 'text' }, sql`select id, word from tag where word in (${words})`)
    const ids = new Map(found.map(({ id, word }) => [word, id]))
    return rows.map((row) =>
      row.tags.split(',').flatMap((word) => {
        const tag_id = ids.get(word)
        return tag_id === undefined ? [] : [{ user_id: row.id, tag_id }]
      }),
    )
  },
})

// Split a column.
export const userName = defineBackfill({
  name: 'user.split-name',
  table: 'user',
  select: { name: 'text' },
  write: { first_name: 'text', last_name: 'text' },
  where: { first_name: null },
  transform: (row) => {
    const [first_name = '', ...rest] = row.name.split(' ')
    return { first_name, last_name: rest.join(' ') }
  },
  reverse: (row) => ({ name: `${row.first_name} ${row.last_name}`.trim() }),
})

// Change an enum and a JSON shape, in place.
export interface SettingsV1 {
  mail: boolean
}
export interface SettingsV2 {
  version: 2
  channels: string[]
}
export const postStatus = defineBackfill({
  name: 'post.status',
  table: 'post',
  select: { status: ['NEW', 'OLD', null], settings: json<SettingsV1 | SettingsV2>() },
  write: { status: ['draft', 'archived'], settings: json<SettingsV2>() },
  where: { status: ['NEW', 'OLD', null] },
  transform: async (row) => ({
    status: row.status === 'OLD' ? 'archived' : 'draft',
    settings: 'version' in row.settings ? row.settings : { version: 2, channels: row.settings.mail ? ['mail'] : [] },
  }),
  reverse: (row) => ({ status: row.status === 'archived' ? 'OLD' : 'NEW' }),
})

// Clean up a column of an entity, in place.
export class User {
  constructor(readonly id: number) {}
  email!: string
  kind!: 'person' | 'robot'
  bio?: string
  greet(name: string): string {
    return `${name}, ${this.email}`
  }
}
export const userEmail = defineBackfill({
  name: 'user.email',
  table: User,
  select: { email: true, bio: true },
  write: { email: true, kind: true },
  where: sql`email <> lower(email)`,
  transform: (row) => (row.bio === null ? undefined : { email: row.email.toLowerCase(), kind: 'person' }),
  reverse: { set: { kind: null } },
  verify: { sample: 100, check: (row) => row.email === row.email.toLowerCase() },
})
