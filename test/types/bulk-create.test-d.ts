import type { Repository } from 'typeorm'
import { rowshift } from '../../src/adapters/prisma/index.js'
import type { PrismaRegistry } from '../../src/adapters/prisma/registry.js'
import { bulkCreate } from '../../src/adapters/typeorm/index.js'
import type { BulkCreateResult } from '../../src/backfill/bulk/bulk-create.js'
import type { Equal, Expect } from './expect.js'
import type { PrismaClient as Client6, Prisma as Prisma6 } from './generated/prisma-6/client/index.js'
import type { PrismaClient as Client7, Prisma as Prisma7 } from './generated/prisma-7/client/client.js'

class Country {
  id!: number
  code!: string
}

class City {
  id!: number
  name!: string
  slug!: string | null
  founded!: Date
  tags!: string[]
  country!: Country
  rename(name: string): void {
    this.name = name
  }
}

declare const cities: Repository<City>

export async function withTypeorm() {
  const { keys, created } = await bulkCreate(cities, [
    { name: 'Oslo', founded: new Date(), tags: ['capital'], country: { id: 47 } },
    { name: 'Bergen', slug: null },
  ])
  type _Result = [Expect<Equal<typeof created, number>>, Expect<Equal<(typeof keys)[number]['id'], number | undefined>>]
  await bulkCreate(cities, [{ name: 'Oslo' }], { onConflict: { key: ['name'], do: 'skip' } })
  // @ts-expect-error no such property
  await bulkCreate(cities, [{ nmae: 'Oslo' }])
  // @ts-expect-error another type
  await bulkCreate(cities, [{ name: 7 }])
  // @ts-expect-error a date has no parts
  await bulkCreate(cities, [{ founded: {} }])
  // @ts-expect-error a method is no column
  await bulkCreate(cities, [{ rename: () => undefined }])
  // @ts-expect-error no such property of the other entity
  await bulkCreate(cities, [{ country: { iso: 'no' } }])
  // @ts-expect-error no such key
  await bulkCreate(cities, [{ name: 'Oslo' }], { onConflict: { key: ['nmae'], do: 'skip' } })
  // @ts-expect-error no such action
  await bulkCreate(cities, [{ name: 'Oslo' }], { onConflict: { key: ['name'], do: 'replace' } })
}

declare const registry: PrismaRegistry
declare const client7: Client7
declare const client6: Client6
const seven = client7.$extends(rowshift({ registry }))
const six = client6.$extends(rowshift({ registry }))

export async function withPrisma(area7: Prisma7.Decimal, area6: Prisma6.Decimal) {
  const rest = { location: { x: 1 }, founded: new Date(), people: 7n, countryId: 47 }
  const result = await seven.city.bulkCreate([
    { name: 'Oslo', area: area7, ...rest },
    { id: 5, name: 'Bergen', slug: null, kind: 'VILLAGE', area: area7, ...rest },
  ])
  type _Keys = [
    Expect<Equal<(typeof result.keys)[number]['id'], number | undefined>>,
    Expect<Equal<(typeof result)['created'], BulkCreateResult['created']>>,
  ]
  await six.city.bulkCreate([{ name: 'Oslo', area: area6, ...rest }], { onConflict: { key: ['id'], do: 'update' } })
  await seven.country.bulkCreate([{ id: 47, name: 'Norge' }], { onConflict: { key: ['name'], do: 'skip' } })
  // @ts-expect-error its name has no default
  await seven.country.bulkCreate([{ id: 47 }])
  // @ts-expect-error its name has no default
  await six.country.bulkCreate([{ id: 47 }])
  // @ts-expect-error another type
  await seven.country.bulkCreate([{ id: '47', name: 'Norge' }])
  // @ts-expect-error a relation is created by itself
  await seven.country.bulkCreate([{ id: 47, name: 'Norge', cities: [] }])
  // @ts-expect-error no such value of the enum
  await six.city.bulkCreate([{ name: 'Oslo', kind: 'village', area: area6, ...rest }])
  // @ts-expect-error no such key
  await seven.country.bulkCreate([{ id: 47, name: 'Norge' }], { onConflict: { key: ['title'], do: 'skip' } })
}
