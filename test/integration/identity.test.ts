import type { DataSource } from 'typeorm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { type DatabaseName, describeContract, type TestDatabase } from '../support/databases.js'

/*
 * Equality is not identity. A row that was changed to an "equal" value between read and write has changed: it is read again. A row
 * that was not changed must never be taken for one, or its run would not end.
 */

interface Change {
  readonly type: string
  /** In SQL. */
  readonly from: string
  readonly to: string
  /** The database's own `=` holds between the two. */
  readonly isEqual?: boolean
  /** What the transform sees of the changed value; default: another text than before. */
  readonly seenAs?: 'the same text' | 'nothing'
}

const changes: Readonly<Record<DatabaseName, readonly Change[]>> = {
  postgres: [
    // The area is what `=` compares.
    { type: 'box', from: `'(2,2),(0,0)'`, to: `'(4,1),(0,0)'`, isEqual: true },
    { type: 'circle', from: `'<(0,0),2>'`, to: `'<(5,5),2>'`, isEqual: true },
    { type: 'lseg', from: `'[(0,0),(1,1)]'`, to: `'[(0,0),(2,2)]'` },
    { type: 'point', from: `'(1,2)'`, to: `'(1,3)'` },
    { type: 'polygon', from: `'((0,0),(1,1),(1,0))'`, to: `'((0,0),(1,1),(2,0))'` },
    { type: 'path', from: `'((0,0),(1,1))'`, to: `'[(0,0),(1,1)]'`, isEqual: true },
    { type: 'interval', from: `'1 mon'`, to: `'30 days'`, isEqual: true },
    { type: 'interval', from: `'1 day'`, to: `'24:00:00'`, isEqual: true },
    { type: 'numeric', from: '1.0', to: '1.00', isEqual: true },
    { type: 'double precision', from: `'0'`, to: `'-0'`, isEqual: true },
    { type: 'real', from: `'0'`, to: `'-0'`, isEqual: true },
    { type: 'json', from: `'{"a": 1, "a": 2}'`, to: `'{"a":1, "a": 2}'` },
    { type: 'jsonb', from: `'{"a": 1.0}'`, to: `'{"a": 1.00}'`, isEqual: true },
    { type: 'xml', from: `'<a/>'`, to: `'<a></a>'` },
    { type: 'citext', from: `'Oslo'`, to: `'OSLO'`, isEqual: true },
    { type: 'text collate loose', from: `'Oslo'`, to: `'OSLO'`, isEqual: true },
    { type: 'timetz', from: `'12:00:00+00'`, to: `'13:00:00+01'` },
    { type: 'numeric[]', from: `'{1.0,2}'`, to: `'{1.00,2}'`, isEqual: true },
    { type: 'int[]', from: `'[1:2]={1,2}'`, to: `'[0:1]={1,2}'` },
    { type: 'numrange', from: `'[1.0,2]'`, to: `'[1.00,2]'`, isEqual: true },
    { type: 'double precision', from: '0.1', to: '0.10000000000000002' },
    { type: 'real', from: '0.1', to: '0.10000002' },
    { type: 'timestamptz', from: `'2024-01-01 00:00:00.000001+00'`, to: `'2024-01-01 00:00:00.000002+00'` },
    { type: 'tsvector', from: `'a:1'`, to: `'a:2'` },
  ],
  mariadb: [
    { type: 'varchar(20) collate utf8mb4_general_ci', from: `'Bob'`, to: `'bob '`, isEqual: true },
    { type: 'varchar(20) collate utf8mb4_general_ci', from: `'e'`, to: `'é'`, isEqual: true },
    { type: 'varchar(20) collate utf8mb4_bin', from: `'Bob'`, to: `'Bob '`, isEqual: true },
    { type: 'varchar(20) character set latin1', from: `'Bob'`, to: `'BOB'`, isEqual: true },
    { type: 'text', from: `'Bob'`, to: `'BOB'`, isEqual: true },
    { type: 'float', from: '0.1', to: '0.10000001' },
    { type: 'float', from: '16777216', to: '16777214' },
    { type: 'float', from: '1234567.125', to: '1234567.25' },
    { type: 'double', from: '0.1', to: '0.10000000000000002' },
    { type: 'double(10, 2)', from: '0.1', to: '0.11' },
    { type: 'datetime(6)', from: `'2024-01-01 00:00:00.000001'`, to: `'2024-01-01 00:00:00.000002'` },
    { type: 'json', from: `'{"a": 1}'`, to: `'{"a":1}'` },
    { type: "enum('a', 'b')", from: `'a'`, to: `'b'` },
    { type: "set('a', 'b')", from: `'a'`, to: `'a,b'` },
    { type: 'decimal(10, 2)', from: '1.10', to: '1.11' },
  ],
  sqlite: [
    { type: 'text collate nocase', from: `'Bob'`, to: `'BOB'`, isEqual: true },
    { type: 'text collate rtrim', from: `'Bob'`, to: `'Bob  '`, isEqual: true },
    { type: 'text', from: `'a' || char(0) || 'b'`, to: `'a' || char(0) || 'c'` },
    { type: '', from: '1', to: '1.0', isEqual: true },
    { type: '', from: '1', to: `'1'`, seenAs: 'the same text' },
    { type: '', from: '1.0', to: `'1.0'`, seenAs: 'the same text' },
    // A blob is no text, so its row is listed as a failure.
    { type: '', from: `'1'`, to: `x'31'`, seenAs: 'nothing' },
    { type: 'text', from: `'1'`, to: `x'31'`, seenAs: 'nothing' },
    { type: 'real', from: '0.1', to: '0.10000000000000002' },
    { type: 'integer', from: '1', to: `'one'` },
    { type: 'integer', from: '9007199254740992', to: '9007199254740993' },
    { type: 'numeric', from: '1', to: '1.5' },
    { type: 'datetime', from: `'2024-01-01 00:00:00'`, to: `'2024-01-01 00:00:00.000'` },
    { type: 'json', from: `'{"a": 1}'`, to: `'{"a":1}'` },
  ],
}

const before: Readonly<Record<DatabaseName, readonly string[]>> = {
  postgres: [
    'create extension citext',
    `create collation loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`,
  ],
  mariadb: [],
  sqlite: [],
}

describeContract((target) => {
  let database: TestDatabase
  let dataSource: DataSource
  beforeAll(async () => {
    database = await target.createDatabase()
    dataSource = await database.connect()
    for (const statement of before[target.name]) await dataSource.query(statement)
  })
  afterAll(() => database.drop())

  for (const [i, { type, from, to, isEqual = false, seenAs }] of changes[target.name].entries()) {
    test(`sees that ${type || 'an untyped value'} changed from ${from} to ${to}`, async () => {
      const table = `t${i}`
      await dataSource.query(`create table ${table} (id int not null primary key, v ${type}, w int)`)
      await dataSource.query(`insert into ${table} values ${[1, 2, 3, 4].map((id) => `(${id}, ${from}, null)`).join()}`)
      if (isEqual) {
        const [equal] = await dataSource.query(`select count(*) as n from ${table} where v = ${to}`)
        expect(Number(equal.n)).toBe(4)
      }
      const calls: (readonly [key: string, value: string])[] = []
      const result = await runBackfill(
        dataSource,
        defineBackfill({
          name: table,
          table,
          select: { v: 'text' },
          write: { w: 'integer' },
          where: { w: null },
          async transform(row, { key: [id = ''] }) {
            calls.push([id, row.v])
            if (calls.length === 1) await dataSource.query(`update ${table} set v = ${to} where id = 3`)
            return { w: calls.length }
          },
        }),
      )
      const [, , first, , second] = calls
      if (seenAs === 'nothing') {
        expect(result).toMatchObject({ status: 'failed', counts: { written: 3, conflicts: 1, failures: 1 } })
        expect(calls.map(([id]) => id)).toEqual(['1', '2', '3', '4'])
      } else {
        expect(result).toMatchObject({ status: 'completed', counts: { written: 4, conflicts: 1, failures: 0 } })
        expect(calls.map(([id]) => id)).toEqual(['1', '2', '3', '4', '3'])
        expect(second![1] === first![1]).toBe(seenAs === 'the same text')
      }
    })
  }
})
