import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { readFailures } from '../../src/runs/read-status.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { contractTest, contractTestOn } from '../support/databases.js'

type Kind = 'integer' | 'text' | 'double' | 'timestamp' | 'decimal' | 'date' | 'json'

/** What a transform may return by mistake; the reason says the fault and never the value. */
const refusedByEncoder: readonly (readonly [title: string, kind: Kind, value: unknown, reason: RegExp])[] = [
  ['NaN for a whole number', 'integer', Number.NaN, /whole number, got NaN/],
  ['a fraction for a whole number', 'integer', 1.5, /with a fraction/],
  ['text for a whole number', 'integer', 'abc', /whole number, got string/],
  ['a number beyond 2^53', 'integer', 2 ** 60, /beyond 2\^53/],
  ['a lone surrogate', 'text', 'a\ud800b', /lone surrogate/],
  ['text that is too long', 'text', 'abcdef', /longer than/],
  ['a number for text', 'text', 7, /expected a string, got number/],
  ['text that is no decimal', 'decimal', '1,5', /no decimal number/],
  ['an invalid Date', 'timestamp', new Date(Number.NaN), /Date is invalid/],
  ['a date that is none', 'date', 'yesterday', /YYYY-MM-DD/],
  ['Infinity inside JSON', 'json', { a: [Number.POSITIVE_INFINITY] }, /JSON cannot hold Infinity/],
]

const types: Record<Kind, { readonly sqlite: string; readonly postgres: string; readonly mariadb: string }> = {
  integer: { sqlite: 'integer', postgres: 'integer', mariadb: 'int' },
  text: { sqlite: 'varchar(3)', postgres: 'varchar(3)', mariadb: 'varchar(3)' },
  double: { sqlite: 'double', postgres: 'double precision', mariadb: 'double' },
  timestamp: { sqlite: 'datetime', postgres: 'timestamptz', mariadb: 'datetime(3)' },
  decimal: { sqlite: 'decimal', postgres: 'numeric(4,2)', mariadb: 'decimal(4,2)' },
  date: { sqlite: 'date', postgres: 'date', mariadb: 'date' },
  json: { sqlite: 'json', postgres: 'jsonb', mariadb: 'json' },
}

for (const [title, kind, value, reason] of refusedByEncoder) {
  contractTest(`lists a row for ${title}, and writes the others`, async (database) => {
    const dataSource = await database.connect()
    await dataSource.query(`create table t (id integer primary key not null, v ${bySql(database.name, types[kind])})`)
    await dataSource.query('insert into t (id) values (1), (2), (3)')
    const good = {
      integer: 1,
      text: 'ok',
      double: 1,
      timestamp: new Date(0),
      decimal: '1',
      date: '2020-01-01',
      json: { a: 1 },
    }
    let row = 0
    const result = await runBackfill(
      dataSource,
      defineBackfill({
        name: 't.v',
        table: 't',
        select: { id: 'integer' },
        write: { v: kind },
        where: { v: null },
        transform: () => ({ v: (++row === 2 ? value : good[kind]) as never }),
      }),
    )
    expect(result).toMatchObject({ status: 'failed', code: 'ROWS_FAILED', counts: { written: 2, failures: 1 } })
    const { failures } = await readFailures(portTo(dataSource), 't.v', { limit: 5 })
    expect(failures).toMatchObject([{ key: '["2"]', code: 'INVALID_VALUE', message: expect.stringMatching(reason) }])
    const [{ n }] = await dataSource.query('select count(*) as n from t where v is null')
    expect(Number(n)).toBe(1)
  })
}

/** What only the database can refuse: nothing is cut or clamped, and nothing of the batch is kept. */
const refusedByDatabase: readonly (readonly [title: string, kind: Kind, value: unknown])[] = [
  ['a number out of range', 'integer', 3_000_000_000],
  ['a decimal out of range', 'decimal', '12345.6'],
  ['a day that is not in the calendar', 'date', '2021-02-30'],
]

for (const [title, kind, value] of refusedByDatabase) {
  contractTestOn(
    ['postgres', 'mariadb'],
    `lists rows with ${title}, whatever the application's SQL mode`,
    async (database) => {
      const dataSource = await database.connect(database.name === 'mariadb' ? { poolSize: 2 } : {})
      if (database.name === 'mariadb') {
        // Both connections of the pool: the application runs without strict mode.
        const runners = [dataSource.createQueryRunner(), dataSource.createQueryRunner()]
        for (const runner of runners) await runner.query(`set session sql_mode = ''`)
        for (const runner of runners) await runner.release()
      }
      await dataSource.query(`create table t (id integer primary key not null, v ${bySql(database.name, types[kind])})`)
      await dataSource.query('insert into t (id) values (1), (2), (3)')
      const refused = defineBackfill({
        name: 't.v',
        table: 't',
        select: { id: 'integer' },
        write: { v: kind },
        where: { v: null },
        transform: () => ({ v: value as never }),
      })
      expect(await runBackfill(dataSource, refused)).toMatchObject({ counts: { written: 0, failures: 3 } })
      const { counts } = await readFailures(portTo(dataSource), 't.v', { limit: 10 })
      expect(counts).toMatchObject([{ code: 'ROW_REFUSED', rows: 3 }])
      const [{ n }] = await dataSource.query('select count(*) as n from t where v is null')
      expect(Number(n)).toBe(3)
      if (database.name === 'mariadb') {
        const [{ mode }] = await dataSource.query('select @@session.sql_mode as mode')
        expect(mode).toBe('')
      }
    },
  )
}
