import { expect, test } from 'vitest'
import { collectBackfills } from '../../src/backfill/definition/collect-backfills.js'
import { type Backfill, defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'

class City {
  name!: string
  slug!: string
}
class Town {
  name!: string
  slug!: string
}

const slugOf = (name: string, table = 'city') =>
  defineBackfill({
    name,
    table,
    select: { name: 'text' },
    write: { slug: 'text' },
    transform: (row) => ({ slug: row.name.toLowerCase() }),
  })

const slugOfEntity = (table: typeof City | typeof Town) =>
  defineBackfill({
    name: 'slug',
    table,
    select: { name: true },
    write: { slug: true },
    transform: (row) => ({ slug: row.name }),
  })

test('definitions are found by name, in order', () => {
  const [city, town] = [slugOf('city.slug'), slugOf('town.slug', 'town')]
  const found = collectBackfills([town, city])
  expect([...found.keys()]).toEqual(['town.slug', 'city.slug'])
  expect(found.get('city.slug')).toBe(definitionOf(city))
})

test('one definition may come twice', () => {
  const city = slugOf('city.slug')
  expect(collectBackfills([city, city]).size).toBe(1)
})

test('a file that was loaded twice defines the same twice', () => {
  expect(collectBackfills([slugOf('city.slug'), slugOf('city.slug')]).size).toBe(1)
  expect(collectBackfills([slugOfEntity(City), slugOfEntity(City)]).size).toBe(1)
})

test('two different definitions of one name are refused', () => {
  expect(() => collectBackfills([slugOf('slug'), slugOf('slug', 'town')])).toThrow(
    expect.objectContaining({
      code: 'DUPLICATE_BACKFILL',
      message: expect.stringContaining(
        'two different backfills are named "slug", one about table city, one about table town',
      ),
    }),
  )
})

test('two entities are two definitions', () => {
  expect(() => collectBackfills([slugOfEntity(City), slugOfEntity(Town)])).toThrow(
    'one about entity City, one about entity Town',
  )
})

test('something else in the list is named', () => {
  const list = [slugOf('city.slug'), class CitySlug1763700000000 {}] as unknown as Backfill[]
  expect(() => collectBackfills(list)).toThrow(
    expect.objectContaining({
      code: 'INVALID_DEFINITION',
      message: expect.stringContaining('expected a backfill, found the function "CitySlug1763700000000"'),
    }),
  )
})
