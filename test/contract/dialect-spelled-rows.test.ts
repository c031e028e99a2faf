import type { DataSource } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { keep, ownTransactions } from '../../src/backfill/connection/transaction.js'
import type { Dialect, SpelledRows, TablePlan, UpdateRow } from '../../src/dialects/dialect.js'
import type { Script } from '../../src/dialects/script.js'
import { type Statement, sql } from '../../src/dialects/sql.js'
import type { ColumnInfo, TableInfo } from '../../src/dialects/table.js'
import { portTo } from '../support/backfills.js'
import { contractTestOn } from '../support/databases.js'

/* Rows that are spelled ahead of their update: the statement is the one that is made of the rows themselves. */

/** Texts that a spelling has to escape, or that look like one. */
const texts: readonly string[] = [
  ...[`Rome "the \\ eternal"`, 'C:\\new\\', '"', '\\"', '\\\\', `it's`, "''", '`', ''],
  ...['NULL', 'null', '{a,b}', '[]', '","', ' a, b ', 'é漢😀 \u2028', '\t\r\n', 'ž'.repeat(60)],
]

const textAt = (i: number): string => texts[i % texts.length]!

/** Rows of two read columns and two written ones. Only some stretches have NULLs: those without may be spelled in another way. */
function rowsOf(count: number): UpdateRow[] {
  const orNull = (isNull: boolean, i: number) => (isNull ? null : textAt(i))
  return Array.from({ length: count }, (_, i) => [
    ...[String(i + 1), orNull(i >= 256 && i % 3 === 0, i), orNull(i % 5 === 0, i + 1)],
    ...[orNull(i < 256 && i % 7 === 0, i + 2), orNull(i === count - 1, i + 3)],
  ])
}

interface Cities {
  readonly dialect: Dialect
  readonly session: Session
  readonly info: TableInfo
  /** What is read and written. */
  readonly columns: readonly ColumnInfo[]
  inTransaction<T>(script: Script<T>): Promise<T>
}

async function openCities(dataSource: DataSource): Promise<Cities> {
  await dataSource.query('create table city (id int not null primary key, name text, slug text)')
  const { dialect, connect } = portTo(dataSource)
  const session = await connect()
  onTestFinished(() => session.release())
  await session.run(dialect.pinSession(batchLimits))
  const scope = ownTransactions(dialect, batchLimits)
  function* kept<T>(script: Script<T>) {
    return keep(yield* script)
  }
  const inTransaction = <T>(script: Script<T>) => session.run(scope.wrap(kept(script)))
  const info = await inTransaction(dialect.introspect({ schema: undefined, name: 'city' }))
  return { dialect, session, info, columns: ['name', 'slug'].map((name) => info.columns.get(name)!), inTransaction }
}

/** Plans that differ in what is guarded, and so in what is sent of each row. */
function plansOf({ info, columns }: Cities): readonly TablePlan[] {
  const slugless = { ...sql`slug is null and name <> ${'nowhere'}`, nullColumns: new Set(['slug']) }
  return [
    { info, read: columns, where: undefined, endsWithWrite: false },
    { info, read: columns, where: slugless, endsWithWrite: true },
  ]
}

function spelled({ dialect, columns }: Cities, plan: TablePlan, rows: readonly UpdateRow[]): SpelledRows {
  const speller = dialect.rowSpeller(plan, columns)!
  for (const row of rows) speller.add(row)
  return { rows, texts: speller.texts() }
}

/** The statement that an update sends first; bytes by their text, which is told apart sooner. */
function sent(script: Script<unknown>): Statement {
  const statement = script.next().value as Statement
  const parameters = statement.parameters.map((value) =>
    value instanceof Buffer ? { bytes: value.toString() } : value,
  )
  return { ...statement, parameters }
}

/** What a database is sent of rows: their texts, and the parameters of their update. */
interface Spelling {
  readonly texts: readonly string[]
  readonly parameters: readonly unknown[]
}

/** One row whose columns are all guarded, and no row, as each server is sent them. */
const spellings = {
  postgres: {
    one: ['{"7"}', '{"it\\"s \\\\"}', '{NULL}', '{"é😀"}', '{""}'],
    none: { texts: Array(5).fill('{}'), parameters: Array(5).fill('{}') },
  },
  mariadb: {
    one: ['["7","it\\"s \\\\",[],"é😀",""]'],
    none: { texts: [], parameters: [{ bytes: '[]' }] },
  },
} satisfies Record<string, { one: readonly string[]; none: Spelling }>

for (const name of ['postgres', 'mariadb'] as const) {
  contractTestOn([name], 'makes of rows spelled ahead the statement that it makes of the rows', async (database) => {
    const cities = await openCities(await database.connect())
    const { dialect, columns } = cities
    const update = (plan: TablePlan, rows: readonly UpdateRow[], ahead?: SpelledRows) =>
      (['encoded', 'restored'] as const).map((values) => sent(dialect.updateRows(plan, columns, rows, values, ahead)))
    for (const plan of plansOf(cities)) {
      for (const count of [1, 255, 256, 257, 700]) {
        const rows = rowsOf(count)
        const [encoded, restored] = update(plan, rows)
        expect(encoded!.label).toBe('update-rows')
        expect(update(plan, rows, spelled(cities, plan, rows))).toEqual([encoded, restored])
        // What is spelled is what is sent.
        const others = rowsOf(count).reverse()
        expect(update(plan, rows, spelled(cities, plan, others))).toEqual(update(plan, others))
      }
      const none = spelled(cities, plan, [])
      expect(update(plan, [], none)).toEqual(update(plan, []))
    }

    const [plan] = plansOf(cities)
    const { one, none } = spellings[name]
    expect(spelled(cities, plan!, [['7', 'it"s \\', null, 'é😀', '']]).texts).toEqual(one)
    expect(spelled(cities, plan!, []).texts).toEqual(none.texts)
    expect(update(plan!, [], spelled(cities, plan!, []))[0]!.parameters).toEqual(none.parameters)
  })

  contractTestOn([name], 'writes rows that are spelled ahead as they are', async (database) => {
    const dataSource = await database.connect()
    const cities = await openCities(dataSource)
    const { dialect, info, columns, inTransaction } = cities
    const [plan] = plansOf(cities)
    const rows = rowsOf(700)
    const stored = () => dataSource.query('select id, name, slug from city order by id')
    const asStored = (from: number) => rows.map((row) => ({ id: Number(row[0]), name: row[from], slug: row[from + 1] }))
    const options = { unlessTaken: undefined, returnsKeys: false }
    const created = rows.map((row) => row.slice(0, 3))
    await inTransaction(dialect.insertRows(info, [info.key[0]!, ...columns], created, options))
    expect(await stored()).toEqual(asStored(1))
    const ahead = spelled(cities, plan!, rows)
    const outcome = await inTransaction(dialect.updateRows(plan!, columns, rows, 'encoded', ahead))
    expect(outcome).toEqual({ unwritten: [], stillMatching: undefined })
    expect(await stored()).toEqual(asStored(3))
  })
}

contractTestOn(['sqlite'], 'spells no rows ahead', async (database) => {
  const cities = await openCities(await database.connect())
  for (const plan of plansOf(cities)) expect(cities.dialect.rowSpeller(plan, cities.columns)).toBeUndefined()
})
