import 'reflect-metadata'
import { Transform, Type } from 'class-transformer'
import {
  IsInt,
  IsLowercase,
  IsOptional,
  IsPostalCode,
  Length,
  Matches,
  registerDecorator,
  ValidateIf,
  ValidateNested,
} from 'class-validator'
import { expect, test } from 'vitest'
import { defineBackfill, json } from '../../src/index.js'
import { readFailures } from '../../src/runs/read-status.js'
import { testBackfill } from '../../src/testing/index.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countWhere, createCities } from '../support/city-table.js'
import { contractTest } from '../support/databases.js'

/* New values that the application's own classes do not allow: `validate`. */

class Slugged {
  @Matches(/^[a-z0-9-]+$/, { message: 'the slug $value is no slug' })
  @Length(1, 20)
  slug!: string

  // Not written, so not judged.
  @IsInt()
  population!: number
}

const slugOf = (text: (id: number) => string) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer' },
    write: { slug: 'text' },
    where: { slug: null },
    maxFailures: 5,
    validate: Slugged,
    transform: ({ id }) => ({ slug: text(id) }),
  })

contractTest('lists rows whose new values are not valid, with the names of what they break', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 20)
  const definition = slugOf((id) => (id === 4 ? 'Secret Town' : id === 7 ? 'SECRET'.repeat(5) : `c${id}`))
  expect(await runBackfill(dataSource, definition)).toMatchObject({
    status: 'completed',
    counts: { written: 18, failures: 2 },
  })
  expect(await countWhere(dataSource, 'slug is null')).toBe(2)
  const { failures } = await readFailures(portTo(dataSource), 'city.slug', { limit: 10 })
  expect(failures.map(({ key, code, step, attempts, message }) => ({ key, code, step, attempts, message }))).toEqual(
    expect.arrayContaining([
      { key: '["4"]', code: 'VALIDATION_FAILED', step: 'validate', attempts: 1, message: 'slug: matches' },
      { key: '["7"]', code: 'VALIDATION_FAILED', step: 'validate', attempts: 1, message: 'slug: isLength, matches' },
    ]),
  )
  const stored = await dataSource.query('select * from rowshift_failure')
  expect(JSON.stringify(stored)).not.toMatch(/secret/i)
})

class Address {
  @IsPostalCode('DE')
  zip!: string
}

class Profile {
  @ValidateNested()
  @Type(() => Address)
  address!: Address

  // Looks at a column that is read only.
  @ValidateIf((row: { id: number }) => row.id > 2)
  @IsLowercase()
  @Transform(({ value }) => String(value).toLowerCase())
  slug!: string
}

contractTest('validates nested values, as they are written and beside what was read', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 4)
  const column = bySql(database.name, { sqlite: 'text', postgres: 'jsonb', mariadb: 'json' })
  await dataSource.query(`alter table city add address ${column}`)
  const definition = defineBackfill({
    name: 'city.address',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text', address: json<{ zip: string }>() },
    where: { slug: null },
    maxFailures: 5,
    validate: Profile,
    transform: ({ id, name }) => ({ slug: id === 4 ? 'lower' : name, address: { zip: id === 1 ? 'x' : '20095' } }),
  })
  await runBackfill(dataSource, definition)
  const { failures } = await readFailures(portTo(dataSource), 'city.address', { limit: 10 })
  expect(failures.map(({ key, message }) => [key, message]).sort()).toEqual([
    ['["1"]', 'address.zip: isPostalCode'],
    ['["3"]', 'slug: isLowercase'],
  ])
})

class Asked {
  @IsAvailable()
  slug!: string
}

/** A constraint that has to wait for its answer. */
function IsAvailable(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: 'isAvailable',
      target: target.constructor,
      propertyName: String(propertyName),
      async: true,
      validator: { validate: async (value: string) => value !== 'City 2' },
    })
}

contractTest('waits for constraints that are asynchronous, also where a row has changed', async (database) => {
  const app = await database.connect()
  await createCities(app, database.name, 3)
  let isRenamed = false
  const definition = defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { id: 'integer', name: 'text' },
    write: { slug: 'text' },
    where: { slug: null },
    maxFailures: 5,
    validate: Asked,
    async transform({ id, name }) {
      if (id === 1 && !isRenamed) {
        isRenamed = true
        await app.query(`update city set name = 'City 2' where id = 1`)
      }
      return { slug: name }
    },
  })
  const dataSource = await database.connect()
  expect(await runBackfill(dataSource, definition)).toMatchObject({ counts: { written: 1, conflicts: 1, failures: 2 } })
})

class Unconstrained {
  @IsOptional()
  population!: number
}

contractTest('refuses a class that constrains nothing of what is written', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1)
  const options = { name: 'city.slug', table: 'city', select: { name: 'text' }, write: { slug: 'text' } } as const
  const definition = defineBackfill({ ...options, validate: Unconstrained, transform: () => ({ slug: 'x' }) })
  expect(await codeOf(runBackfill(dataSource, definition))).toBe('INVALID_DEFINITION')
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
})

test('testBackfill refuses new values that are not valid', async () => {
  const cases = [{ row: { id: 1 }, expect: { slug: 'Not Valid' } }]
  await expect(
    testBackfill(
      slugOf(() => 'Not Valid'),
      cases,
    ),
  ).rejects.toThrow('slug: matches')
  await testBackfill(
    slugOf(() => 'valid'),
    [{ row: { id: 1 }, expect: { slug: 'valid' } }],
  )
})
