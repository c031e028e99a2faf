import { type PrismaRegistry, prismaModels, rowshift, stragglers } from '../../src/adapters/prisma/index.js'
import { type ChangesOf, defineBackfill, type RowOf } from '../../src/backfill/definition/define-backfill.js'
import { defineVersions } from '../../src/index.js'
import type { Equal, Expect } from './expect.js'
import type { PrismaClient as Client6, Prisma as Prisma6 } from './generated/prisma-6/client/index.js'
import type { PrismaClient as Client7, Prisma as Prisma7 } from './generated/prisma-7/client/client.js'

const seven = prismaModels<Client7>()
const six = prismaModels<Client6>()

export const citySlug7 = defineBackfill({
  name: 'city.slug',
  table: seven.city,
  select: { name: true, countryId: true, founded: true, people: true },
  write: { slug: true, kind: true },
  where: { slug: null, kind: ['TOWN'] },
  transform: (row) => ({ slug: row.name.toLowerCase(), kind: 'VILLAGE' }),
})

export const citySlug6 = defineBackfill({
  name: 'city.slug',
  table: six.city,
  select: { name: true, countryId: true, founded: true, people: true },
  write: { slug: true, kind: true },
  where: { slug: null, kind: ['TOWN'] },
  transform: (row) => ({ slug: row.name.toLowerCase(), kind: 'VILLAGE' }),
})

interface Row {
  name: string
  countryId: number
  founded: Date
  people: bigint
}

interface Changes {
  slug: string | null
  kind: 'TOWN' | 'VILLAGE'
}

export type Tokens = [
  Expect<Equal<keyof typeof seven, 'city' | 'country' | 'membership'>>,
  Expect<Equal<keyof typeof six, 'city' | 'country' | 'membership'>>,
  Expect<Equal<RowOf<typeof citySlug7>, Row>>,
  Expect<Equal<RowOf<typeof citySlug6>, Row>>,
  Expect<Equal<ChangesOf<typeof citySlug7>, Changes>>,
  Expect<Equal<ChangesOf<typeof citySlug6>, Changes>>,
]

/** What only the client has a type for comes as the client has it. */
export const typed = defineBackfill({
  name: 'city.area',
  table: seven.city,
  select: { location: true, area: true },
  write: { name: true },
  where: { name: '' },
  transform: (row) => {
    type _Given = [
      Expect<Equal<typeof row.location, Prisma7.JsonValue>>,
      Expect<Equal<typeof row.area, Prisma7.Decimal>>,
    ]
    return { name: row.area.toFixed(2) }
  },
})

export const typed6 = defineBackfill({
  name: 'city.area',
  table: six.city,
  select: { location: true },
  write: { name: true },
  where: { name: '' },
  transform: (row) => {
    type _Given = Expect<Equal<typeof row.location, Prisma6.JsonValue>>
    return { name: String(row.location) }
  },
})

export const relation = defineBackfill({
  name: 'relation',
  table: seven.city,
  // @ts-expect-error a relation is no column
  select: { country: true },
  write: { slug: true },
  where: { slug: null },
  transform: () => ({ slug: '' }),
})

// @ts-expect-error the client has no such model
void seven.town

/** Fields by the names that the schema gives them, whatever their columns, tables, schemas and native types are called. */
export const membership7 = defineBackfill({
  name: 'membership.role',
  table: seven.membership,
  select: { orgId: true, userId: true, since: true, tags: true },
  write: { role: true },
  where: { role: '' },
  transform: (row) => ({ role: `${row.userId} since ${row.since.getFullYear()}` }),
})

export const membership6 = defineBackfill({
  name: 'membership.role',
  table: six.membership,
  select: { orgId: true, userId: true, since: true, tags: true },
  write: { role: true },
  where: { role: '' },
  transform: (row) => ({ role: `${row.userId} since ${row.since.getFullYear()}` }),
})

interface MembershipRow {
  orgId: number
  userId: string
  since: Date
  tags: string[]
}

export type Memberships = [
  Expect<Equal<RowOf<typeof membership7>, MembershipRow>>,
  Expect<Equal<RowOf<typeof membership6>, MembershipRow>>,
  Expect<Equal<ChangesOf<typeof membership7>, { role: string }>>,
  Expect<Equal<ChangesOf<typeof membership6>, { role: string }>>,
]

export const byColumn = defineBackfill({
  name: 'by-column',
  table: seven.membership,
  // @ts-expect-error the field's column, which is not its name
  select: { org_id: true },
  write: { role: true },
  where: { role: '' },
  transform: () => ({ role: '' }),
})

declare const client7: Client7
declare const client6: Client6
declare const registry: PrismaRegistry

/** Rows of an extended client's models, by the types of each client. */
export async function bulkUpdates() {
  const seven = client7.$extends(rowshift({ registry }))
  const six = client6.$extends(rowshift({ registry }))
  await seven.$backfill(citySlug7)
  await six.$backfill(citySlug6)
  await seven.city.bulkUpdate([
    { id: 1, slug: 'oslo' },
    { id: 2, slug: null, people: 7n },
  ])
  await six.city.bulkUpdate([{ id: 1, slug: 'oslo' }], { missing: 'skip' })
  await seven.country.bulkUpdate([{ name: 'Norge', id: 47 }], { key: ['name'] })
  await seven.membership.bulkUpdate([{ orgId: 1, userId: 'a', role: 'admin' }])
  await six.membership.bulkUpdate([{ orgId: 1, userId: 'a', since: new Date(), tags: ['a'] }])
  await seven.city.bulkUpdate([{ id: 1, kind: 'VILLAGE' }])
  // @ts-expect-error the enum has no such value
  await seven.city.bulkUpdate([{ id: 1, kind: 'village' }])
  // @ts-expect-error the enum has no such value
  await six.city.bulkUpdate([{ id: 1, kind: 'village' }])
  // @ts-expect-error no such field
  await seven.city.bulkUpdate([{ id: 1, slugg: 'oslo' }])
  // @ts-expect-error a text is no number
  await six.city.bulkUpdate([{ id: '1', slug: 'oslo' }])
  // @ts-expect-error a relation is no column
  await seven.country.bulkUpdate([{ id: 1, cities: [] }])
  // @ts-expect-error no such field
  await seven.country.bulkUpdate([{ id: 1, name: 'x' }], { key: ['title'] })
}

/** What the generator writes, as the application imports it. */
export const registries = [
  { format: 1, provider: 'postgresql', models: {}, enums: { Kind: { TOWN: 'TOWN' } } },
  {
    format: 1,
    provider: 'sqlite',
    models: {
      City: {
        table: 'cities',
        schema: null,
        version: '2.0.0',
        key: ['id'],
        uniques: [['slug']],
        fields: {
          name: {
            column: 'title',
            type: 'String',
            nativeType: ['VarChar', '150'],
            isNullable: false,
            isList: false,
            fillsItself: false,
          },
        },
        relations: { country: 'Country' },
      },
    },
    enums: {},
  },
] as const satisfies readonly PrismaRegistry[]

// @ts-expect-error rowshift has no dialect for it
export const otherDatabase: PrismaRegistry = { format: 1, provider: 'sqlserver', models: {}, enums: {} }

// @ts-expect-error a registry says what its tables are
export const emptyRegistry: PrismaRegistry = { format: 1, provider: 'sqlite' }

const cityVersions = defineVersions('City')
  .version('1.0.0', { id: 'integer', title: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text' }, { upgrade: ({ title }) => ({ name: title }) })
const olderVersions = defineVersions('City').version('1.0.0', { id: 'integer', title: 'text' })

/** Versions are of models that the client has, and their latest of fields that the model has. */
export function upgrades() {
  const options = { newer: 'fail', writeBack: true } as const
  const extended = client7.$extends(
    rowshift<Client7>({ registry, upgradeOnRead: { versions: { city: cityVersions }, ...options } }),
  )
  client6.$extends(rowshift<Client6>({ registry, upgradeOnRead: { versions: { city: cityVersions } } }))
  // @ts-expect-error the model has no "title"
  rowshift<Client7>({ registry, upgradeOnRead: { versions: { city: olderVersions } } })
  // @ts-expect-error no such model
  rowshift<Client6>({ registry, upgradeOnRead: { versions: { town: cityVersions } } })
  // @ts-expect-error neither of the two
  rowshift({ registry, upgradeOnRead: { versions: { city: cityVersions }, newer: 'ignore' } })
  // @ts-expect-error no versions
  rowshift({ registry, upgradeOnRead: { versions: { city: {} } } })
  return extended.city.findMany({ select: { name: true } }) satisfies Promise<{ name: string }[]>
}

/** Stragglers are of versions that the model has the fields of. */
export const cityStragglers = stragglers(seven.city, { of: cityVersions, registry, batchRows: 100 })
export const cityStragglers6 = stragglers(six.city, { of: cityVersions, registry, from: ['1.0.0'] })
// @ts-expect-error the model has no "title"
stragglers(seven.city, { of: olderVersions, registry })
// @ts-expect-error a model by its token
stragglers('city', { of: cityVersions, registry })
