import { type DataSource, EntitySchema, type EntitySchemaColumnOptions } from 'typeorm'
import { expect } from 'vitest'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { databaseOf } from '../../src/adapters/typeorm/database.js'
import { defineBackfill } from '../../src/backfill/definition/define-backfill.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { runInForeground } from '../../src/runs/run-in-foreground.js'
import { testSqlite } from './sqlite-sessions.js'

/** Each of TypeORM's column types for SQLite, with a value, another, and one that the column cannot hold. */
const columns: Readonly<
  Record<string, readonly [options: EntitySchemaColumnOptions, value: unknown, other: unknown, wrong?: unknown]>
> = {
  integer: [{ type: 'integer' }, 5, 6, 1.5],
  number: [{ type: Number }, 5, 6, Number.NaN],
  bigint: [{ type: 'bigint' }, 12, 13, 1e300],
  decimal: [{ type: 'decimal', precision: 10, scale: 2 }, 12.5, 1.25, Number.NaN],
  numeric: [{ type: 'numeric' }, 7, 8],
  real: [{ type: 'real' }, 1.5, 2, Number.NaN],
  boolean: [{ type: 'boolean' }, true, false],
  string: [{ type: String, length: 5 }, 'Zoë', '😀😀', 'longer'],
  text: [{ type: 'text' }, "o'clock", '', 'lone \ud800'],
  uuid: [{ type: 'uuid' }, '123e4567-e89b-12d3-a456-426655440000', '123e4567-e89b-12d3-a456-426655440001'],
  date: [{ type: 'date' }, '2024-02-29', '2020-01-01', '2023-02-29'],
  time: [{ type: 'time' }, '12:30:00', '01:02:03', '25:00:00'],
  datetime: [{ type: 'datetime' }, new Date('2026-11-21T04:06:00.123Z'), new Date(0)],
  json: [{ type: 'json' }, { a: [1, null] }, { z: 'ß' }],
  jsonText: [{ type: 'json' }, 'text', 'new'],
  jsonNumber: [{ type: 'json' }, 1.5, 2],
  jsonb: [{ type: 'jsonb' }, { b: [1] }, { q: null }],
  simpleJson: [{ type: 'simple-json' }, { c: 1 }, { n: null }],
  simpleArray: [{ type: 'simple-array' }, ['x', 'y'], ['z']],
  simpleEnum: [{ type: 'simple-enum', enum: ['a', 'b'] }, 'a', 'b'],
  blob: [{ type: 'blob' }, Buffer.from([0, 255]), Buffer.from('ab')],
}

const names = Object.keys(columns)

class Thing {
  id!: number;
  [column: string]: unknown
}

const ThingSchema = new EntitySchema<Thing>({
  name: 'thing',
  target: Thing,
  columns: {
    id: { type: 'integer', primary: true },
    pass: { type: 'integer' },
    ...Object.fromEntries(names.map((name) => [name, { ...columns[name]![0], nullable: true }])),
  },
})

const valuesAt = (position: 1 | 2) => Object.fromEntries(names.map((name) => [name, columns[name]![position]]))

/** sql.js gives a Uint8Array, and rowshift its subclass. */
const withBuffers = (row: Record<string, unknown>) => ({
  ...row,
  blob: row.blob && Buffer.from(row.blob as Uint8Array),
})

const typesOf = (dataSource: DataSource, id: number) =>
  dataSource.query(
    `select ${names.map((name) => `typeof("${name}") as "${name}"`).join(', ')} from thing where id = ${id}`,
  )

const every = Object.fromEntries(['pass', ...names].map((name) => [name, true] as const))

function backfillOf(transform: (row: Record<string, unknown>) => Record<string, unknown>) {
  return definitionOf(
    defineBackfill({
      name: 'thing.pass',
      table: Thing,
      select: every,
      write: every,
      where: { pass: 1 },
      transform: transform as never,
    } as never),
  )
}

testSqlite('reads and writes entities as TypeORM does, for each of its column types', async (test) => {
  const app = await test.connect({ entities: [ThingSchema], synchronize: true })
  const things = app.getRepository(Thing)
  await things.save([
    { id: 1, pass: 1, ...valuesAt(1) },
    { id: 2, pass: 1, ...valuesAt(1) },
    { id: 3, pass: 1 },
    { id: 4, pass: 2, ...valuesAt(2) },
  ])
  const stored = await app.query('select * from thing where id = 1')
  const found = new Map((await things.find()).map((thing) => [thing.id, thing]))
  const seen: Record<string, unknown>[] = []
  const result = await runInForeground({
    database: databaseOf(app as unknown as DataSourceLike),
    definition: backfillOf((row) => {
      seen.push({ ...row })
      return seen.length === 2 ? { ...row, ...valuesAt(2), pass: 2 } : { ...row, pass: 2 }
    }),
  })
  expect(result).toMatchObject({ status: 'completed', counts: { written: 3, failures: 0 } })
  for (const [i, row] of seen.entries()) {
    const { id: _, ...thing } = found.get(i + 1)!
    expect(row).toEqual(withBuffers(thing))
  }
  // What a transform passes through stays as it was stored, and what it changes is stored as TypeORM stores it.
  expect(await app.query('select * from thing where id = 1')).toEqual([{ ...stored[0], pass: 2 }])
  expect(await typesOf(app, 2)).toEqual(await typesOf(app, 4))
  const { id: _, ...changed } = (await things.findOneBy({ id: 2 }))!
  const { id: __, ...expected } = found.get(4)!
  expect(changed).toEqual(expected)
})

for (const name of names) {
  const [, , , wrong] = columns[name]!
  if (wrong === undefined) continue
  testSqlite(`refuses what a column "${name}" of an entity cannot hold`, async (test) => {
    const app = await test.connect({ entities: [ThingSchema], synchronize: true })
    await app.getRepository(Thing).save({ id: 1, pass: 1, ...valuesAt(1) })
    const before = await app.query('select * from thing')
    const result = await runInForeground({
      database: databaseOf(app as unknown as DataSourceLike),
      definition: backfillOf((row) => ({ ...row, pass: 2, [name]: wrong })),
    })
    expect(result).toMatchObject({ status: 'failed', code: 'ROWS_FAILED', counts: { written: 0, failures: 1 } })
    expect(await app.query('select * from thing')).toEqual(before)
    const [failure] = await app.query('select code, message from rowshift_failure')
    expect(failure.code).toBe('INVALID_VALUE')
    expect(failure.message).toContain(`"${name}"`)
  })
}
