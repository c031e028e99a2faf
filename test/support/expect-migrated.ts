import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { readCounted } from './counted-cities.js'

/** Every counted city has been migrated, from the name it has now, and not twice. */
export async function expectMigratedOnce(dataSource: DataSource): Promise<void> {
  const { cities, writes } = await readCounted(dataSource)
  expect(writes).toEqual(cities.map((city) => city.id))
  expect(cities.filter((city) => city.touched !== 1 || city.slug !== String(city.name).toLowerCase())).toEqual([])
}
