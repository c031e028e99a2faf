import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { columnSamples, missingTypes, type Word } from '../support/column-samples.js'
import { contractTest, type TestDatabase } from '../support/databases.js'

async function prepare(dataSource: DataSource, database: TestDatabase): Promise<readonly string[]> {
  if (database.name !== 'postgres') return []
  await dataSource.query(`create type mood as enum ('happy', 'so so')`)
  const missing: string[] = []
  for (const extension of ['citext', 'hstore', 'cube', 'ltree']) {
    await dataSource.query(`create extension if not exists ${extension}`).catch(() => missing.push(extension))
  }
  return missing
}

contractTest('has a sample for every column type that TypeORM documents, or a reason why not', async (database) => {
  const dataSource = await database.connect()
  const { supportedDataTypes } = dataSource.driver as unknown as { supportedDataTypes: string[] }
  const known = new Set([...Object.keys(columnSamples[database.name]), ...Object.keys(missingTypes[database.name])])
  expect(supportedDataTypes.filter((type) => !known.has(type))).toEqual([])
})

contractTest(
  'copies awkward values of every column type without changing a byte',
  async (database) => {
    const dataSource = await database.connect()
    const missing = await prepare(dataSource, database)
    // What the server prints for both columns, byte for byte.
    const exact = (column: string) =>
      bySql(database.name, {
        sqlite: `typeof(${column}) || quote(cast(${column} as blob))`,
        postgres: `${column}::text`,
        mariadb: `hex(${column})`,
      })
    for (const [type, { ddl, word, literals }] of Object.entries(columnSamples[database.name])) {
      if (missing.includes(type)) continue
      await dataSource.query('drop table if exists t')
      await dataSource.query(`create table t (id integer primary key not null, a ${ddl}, b ${ddl})`)
      for (const [i, literal] of literals.entries()) {
        await dataSource.query(`insert into t (id, a) values (${i + 1}, ${literal})`)
      }
      await dataSource.query(`insert into t (id, a) values (${literals.length + 1}, null)`)
      const result = await runBackfill(
        dataSource,
        defineBackfill({
          name: `copy.${type}`,
          table: 't',
          select: { a: `${word}?` },
          // JSON's own null is written as such by a column that is not declared nullable.
          write: { b: (word === 'json' ? 'json' : `${word}?`) as `${Word}?` },
          transform: (row) => (row.a === null && word !== 'json' ? undefined : { b: row.a as never }),
        }),
      )
      expect(result, `${type}: ${JSON.stringify(result)}`).toMatchObject({ status: 'completed' })
      const rows: { id: number; x: string | null; y: string | null }[] = await dataSource.query(
        `select id, ${exact('a')} as x, ${exact('b')} as y from t where a is not null order by id`,
      )
      expect(rows).toHaveLength(literals.length)
      const isLossy = word === 'timestamp' || word === 'json' || ddl === 'numeric'
      for (const row of rows) if (!isLossy) expect(row.y, `${type} ${literals[row.id - 1]}`).toBe(row.x)
      for (const row of rows) expect(row.y, `${type} ${literals[row.id - 1]}`).not.toBeNull()
    }
  },
  120_000,
)

contractTest('leaves values alone that were passed through, whatever JavaScript can hold of them', async (database) => {
  const dataSource = await database.connect()
  const missing = await prepare(dataSource, database)
  for (const [type, { ddl, word, literals }] of Object.entries(columnSamples[database.name])) {
    if (missing.includes(type)) continue
    await dataSource.query('drop table if exists t')
    await dataSource.query(`create table t (id integer primary key not null, a ${ddl}, n integer)`)
    for (const [i, literal] of literals.entries()) {
      await dataSource.query(`insert into t (id, a) values (${i + 1}, ${literal})`)
    }
    const assigned: string[] = []
    const result = await runBackfill(
      dataSource,
      defineBackfill({
        name: `pass.${type}`,
        table: 't',
        select: { a: word },
        write: { a: word, n: 'integer' },
        where: { n: null },
        transform: (row) => ({ a: row.a as never, n: 1 }),
      }),
      {
        hooks: {
          before(statement) {
            if (statement.label === 'update-rows')
              assigned.push(/\bset\b(.*?)\b(?:from|where)\b/is.exec(statement.text)![1]!)
          },
        },
      },
    )
    expect(result, type).toMatchObject({ status: 'completed', counts: { written: literals.length } })
    // Microseconds, scales and spacing survive because the column is not written at all.
    for (const set of assigned) expect(set, type).not.toMatch(/["`.]a["`]\s*=/)
  }
})
