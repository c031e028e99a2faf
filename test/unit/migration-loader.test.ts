import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importClassesFromDirectories } from 'typeorm/util/DirectoryExportedClassesLoader.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { sql } from '../../src/dialects/sql.js'

/*
 * TypeORM loads migrations by a glob and instantiates every function that it finds in what the files export, in lists and
 * in objects however deep. A definition next to a migration must have nothing to be found.
 */
class City {}

const handle = Symbol.for('rowshift.test.migration-file')
const files = globalThis as unknown as Record<symbol, unknown>
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rowshift-loader-'))
})
afterEach(() => {
  delete files[handle]
  rmSync(directory, { recursive: true, force: true })
})

/** What TypeORM would instantiate of a migration file with these exports. */
async function classesFound(exported: object): Promise<string[]> {
  files[handle] = exported
  writeFileSync(
    join(directory, '1763700000000-city-slug.cjs'),
    `class CitySlug1763700000000 {}
module.exports = { ...globalThis[Symbol.for('rowshift.test.migration-file')], CitySlug1763700000000 }`,
  )
  const silent = { log() {} } as unknown as Parameters<typeof importClassesFromDirectories>[0]
  const found = await importClassesFromDirectories(silent, [join(directory, '*.cjs')])
  return found.map((one) => (one as unknown as { name: string }).name)
}

const options = {
  name: 'city.slug',
  table: City,
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  transform: (row: { name: string }) => ({ slug: row.name }),
  unique: { slug: (slug: string, n: number) => `${slug}-${n}` },
  reverse: () => ({ slug: null }),
  verify: { check: () => true },
} as const

test('options that were not passed through defineBackfill would be instantiated', async () => {
  expect(await classesFound({ citySlug: options })).toEqual(expect.arrayContaining(['City', 'transform', 'check']))
})

test("nothing of a definition is found by TypeORM's loader", async () => {
  const [define, defineSql] = [defineBackfill, defineBackfill.sql] as unknown as ((options: unknown) => unknown)[]
  const citySlug = define!(options)
  const inSql = defineSql!({ name: 'city.slug', table: City, set: { slug: sql`lower(name)` } })
  expect(await classesFound({ citySlug, inSql, list: [citySlug], nested: { citySlug } })).toEqual([
    'CitySlug1763700000000',
  ])
})
