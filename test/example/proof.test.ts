import { expect, test } from 'vitest'
import { type Proof, prove } from '../../example-app/proof.js'
import type { ApplicationWrite } from '../../example-app/story/application.js'
import type { City } from '../../example-app/story/cities.js'

/*
 * The example's exit code is the proof's `isProven`. Here the proof is shown to fail for every way in which a table can be wrong.
 */

const source = [
  { name: 'Santa Cruz', country: 'AR', admin1: '01', lat: '-34.6', lng: '-58.4' },
  { name: 'São Tomé', country: 'ST', admin1: '02', lat: '0.33654', lng: '6.72732' },
  { name: 'Santa Cruz', country: 'DK', admin1: '03', lat: '57.64911', lng: '10.40744' },
]

const writes: readonly ApplicationWrite[] = [
  { id: 1, column: 'population', value: 10 },
  { id: 1, column: 'population', value: 20 },
  { id: 3, column: 'name', value: 'New Town' },
  { id: 2, column: 'slug', value: 'moved' },
]

/** The table as it must be, written by hand. */
function table(): City[] {
  return [
    {
      id: 1,
      name: 'Santa Cruz',
      country: 'AR',
      admin1: '01',
      lat: -34.6,
      lng: -58.4,
      population: 20,
      slug: 'santa-cruz',
      searchName: 'santa cruz ar',
      geohash: '69y7pj62m',
    },
    {
      id: 2,
      name: 'São Tomé',
      country: 'ST',
      admin1: '02',
      lat: 0.33654,
      lng: 6.72732,
      population: null,
      slug: 'moved',
      searchName: 'sao tome st',
      geohash: 's0hccj68m',
    },
    {
      id: 3,
      name: 'New Town',
      country: 'DK',
      admin1: '03',
      lat: 57.64911,
      lng: 10.40744,
      population: null,
      slug: 'santa-cruz-2',
      searchName: 'new town dk',
      geohash: 'u4pruydqq',
    },
  ]
}

function proveChanged(change: (cities: City[]) => void): Proof {
  const cities = table()
  change(cities)
  return prove(cities, source, writes)
}

test('the proof accepts a table that is as it must be', () => {
  expect(prove(table(), source, writes)).toMatchObject({
    isProven: true,
    rows: 3,
    migrated: 3,
    remaining: 0,
    lost: 0,
    wrong: 0,
  })
})

test('the proof refuses a table in which one value of one row is another', () => {
  for (const column of Object.keys(table()[0]!)) {
    const proof = proveChanged(([, city]) => Object.assign(city!, { [column]: 'spoiled' }))
    expect(proof, column).toMatchObject({ isProven: false, wrong: 1 })
  }
})

test('the proof counts a write that is not in the table as lost', () => {
  const proof = proveChanged(([, , city]) => {
    Object.assign(city!, { name: 'Santa Cruz', searchName: 'santa cruz dk' })
  })
  expect(proof).toMatchObject({ isProven: false, lost: 1, wrong: 1 })
})

test('the proof counts a row with an empty new column as remaining', () => {
  const proof = proveChanged(([city]) => Object.assign(city!, { geohash: null }))
  expect(proof).toMatchObject({ isProven: false, migrated: 2, remaining: 1 })
})

test('the proof refuses a table with a row too few, too many or in another place', () => {
  expect(proveChanged((cities) => cities.pop())).toMatchObject({ isProven: false, rows: 2 })
  expect(proveChanged((cities) => cities.push({ ...cities[0]!, id: 4 }))).toMatchObject({ isProven: false, rows: 4 })
  expect(proveChanged((cities) => cities.reverse())).toMatchObject({ isProven: false })
})
