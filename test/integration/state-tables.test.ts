import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { schedule } from '../../src/adapters/typeorm/index.js'
import { defineBackfill } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill, withQueryRunner } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { runChild } from '../support/child.js'
import { countWhere, createCities } from '../support/city-table.js'
import { countedSlug, createCountedCities } from '../support/counted-cities.js'
import { contractTest, contractTestOn, type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { inMigration } from '../support/migration-calls.js'

const firstStart = join(__dirname, 'fixtures/first-start.ts')

const citySlug = defineBackfill({
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 10,
  transform: (row) => ({ slug: row.name }),
})

/** Four processes that begin at the same moment; what each says at its end. */
async function startTogether(database: TestDatabase, mode: string): Promise<readonly (string | undefined)[]> {
  const children = Array.from({ length: 4 }, () => runChild(firstStart, [JSON.stringify(database), mode]))
  await Promise.all(children.map((child) => child.line('ready')))
  for (const child of children) child.send('go')
  for (const child of children) expect(await child.exited, child.output()).toEqual({ code: 0, signal: null })
  return children.map((child) => child.lines.at(-1))
}

async function countRows(dataSource: DataSource, table: string): Promise<number> {
  const [{ n }] = await dataSource.query(`select count(*) as n from ${table}`)
  return Number(n)
}

contractTest('creates its tables once when processes start for the first time at once', async (database) => {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, 60)
  expect(await startTogether(database, 'run')).toEqual(Array(4).fill('completed'))
  expect(await countRows(dataSource, 'rowshift_schema_version')).toBe(1)
  await expectMigratedOnce(dataSource)
})

async function expectOneRun(database: TestDatabase, mode: string): Promise<void> {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, 60)
  expect(await startTogether(database, mode)).toEqual(Array(4).fill('scheduled'))
  expect(await countRows(dataSource, 'rowshift_schema_version')).toBe(1)
  expect(await countRows(dataSource, 'rowshift_run')).toBe(1)
  expect(await runBackfill(dataSource, countedSlug(undefined))).toMatchObject({ status: 'completed' })
  await expectMigratedOnce(dataSource)
}

contractTest('schedules one run when processes do it for the first time at once', (database) =>
  expectOneRun(database, 'schedule'),
)

// On SQLite two such transactions exclude each other, and one of them is refused.
contractTestOn(
  ['postgres', 'mariadb'],
  'schedules one run when processes do it for the first time at once, each in the transaction of its migration',
  (database) => expectOneRun(database, 'schedule-enclosed'),
)

/** What is not a column: keys, indexes, constraints, engines. */
const beyondColumns = {
  sqlite: `select 'index' as kind, m.name as t, i."unique" as u, i.origin as o, i.partial as p,
        (select group_concat(c.name, ', ') from pragma_index_info(i.name) c) as c
      from sqlite_master m, pragma_index_list(m.name) i where m.name like 'rowshift%' and m.type = 'table'
    union all select 'foreign key', m.name, f."from", f."table", f."to", f.on_delete
      from sqlite_master m, pragma_foreign_key_list(m.name) f where m.name like 'rowshift%'
    union all select 'trigger', m.name, m.tbl_name, '', '', '' from sqlite_master m where m.type = 'trigger'
    union all select 'numbered for good', m.name, '', '', '', '' from sqlite_master m where m.sql like '%autoincrement%'
    order by 1, 2, 3, 4, 6`,
  // NOT NULL is a column's; from PostgreSQL 18 on it is a constraint as well.
  postgres: `select 'index' as kind, c.relname as t, regexp_replace(pg_get_indexdef(i.indexrelid), ' ON \\S+\\.', ' ON ') as def
      from pg_index i join pg_class c on c.oid = i.indrelid where c.relname like 'rowshift%'
    union all select 'constraint', c.relname, o.conname || ' ' || pg_get_constraintdef(o.oid)
      from pg_constraint o join pg_class c on c.oid = o.conrelid where c.relname like 'rowshift%' and o.contype <> 'n'
    union all select 'identity', table_name, column_name || ' ' || identity_generation
      from information_schema.columns where table_name like 'rowshift%' and is_identity = 'YES'
    union all select 'table', relname, 'persistence ' || relpersistence::text from pg_class where relname like 'rowshift%' and relkind = 'r'
    order by 1, 2, 3`,
  mariadb: `select 'index' as kind, table_name as t, concat(index_name, if(non_unique, '', ' unique'), ' (',
        group_concat(column_name order by seq_in_index), ')') as def
      from information_schema.statistics where table_schema = database() and table_name like 'rowshift%'
      group by table_name, index_name, non_unique
    union all select 'constraint', table_name, concat(constraint_name, ' ', constraint_type)
      from information_schema.table_constraints where table_schema = database() and table_name like 'rowshift%'
    union all select 'extra', table_name, concat(column_name, ' ', extra)
      from information_schema.columns where table_schema = database() and table_name like 'rowshift%' and extra <> ''
    union all select 'table', table_name, concat(engine, ' ', table_collation)
      from information_schema.tables where table_schema = database() and table_name like 'rowshift%'
    order by 1, 2, 3`,
}

const columns = {
  sqlite: `select m.name as t, p.name as c, p.type as type, p."notnull" as n, p.pk as pk, p.dflt_value as d
    from sqlite_master m, pragma_table_info(m.name) p where m.name like 'rowshift%' and m.type = 'table' order by 1, p.cid`,
  postgres: `select table_name as t, column_name as c, data_type as type, character_maximum_length as l, is_nullable as n,
      collation_name as coll, column_default as d
    from information_schema.columns where table_name like 'rowshift%' order by 1, ordinal_position`,
  // MySQL gives a number's default as text too, but says NULL where MariaDB says 'NULL'.
  mariadb: `select table_name as t, column_name as c, column_type as type, is_nullable as n, column_key as k, collation_name as coll,
      nullif(column_default, 'NULL') as d
    from information_schema.columns where table_schema = database() and table_name like 'rowshift%' order by 1, ordinal_position`,
}

contractTest('has state tables as they were committed; another shape needs another version', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 1)
  await runBackfill(dataSource, citySlug)
  const dump = async (query: string) => {
    const rows: Record<string, unknown>[] = await dataSource.query(query)
    return rows.map((row) => `${Object.values(row).map(String).join(' ')}\n`).join('')
  }
  const [{ version }] = await dataSource.query('select version from rowshift_schema_version')
  const shape = [
    `version ${version}\n`,
    await dump(bySql(database.name, columns)),
    await dump(bySql(database.name, beyondColumns)),
  ]
  await expect(shape.join('')).toMatchFileSnapshot(`state-schema/${database.name}.txt`)
})

contractTest('refuses state tables of a newer rowshift', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  await runBackfill(dataSource, citySlug)
  await dataSource.query(`update rowshift_schema_version set version = '99'`)
  await dataSource.query(`update city set slug = null`)
  expect(await codeOf(runBackfill(dataSource, citySlug))).toBe('STATE_VERSION')
  for (const isEnclosed of [false, true]) {
    const calling = inMigration(
      dataSource,
      async ({ schedule, requireCompleted, undo }) => [
        await codeOf(schedule(citySlug)),
        await codeOf(requireCompleted(citySlug)),
        await codeOf(undo(citySlug)),
      ],
      { isEnclosed },
    )
    expect(await calling).toEqual(['STATE_VERSION', 'STATE_VERSION', 'STATE_VERSION'])
  }
  expect(await countWhere(dataSource, 'slug is not null')).toBe(0)
  expect(await countRows(dataSource, 'rowshift_run')).toBe(1)
})

typeormTestOn(['mariadb'], "makes its tables beside a migration's transaction, which goes on", async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  await withQueryRunner(dataSource, async (queryRunner) => {
    await queryRunner.startTransaction()
    await queryRunner.query(`update city set touched = 7`)
    await schedule(queryRunner, citySlug)
    await queryRunner.rollbackTransaction()
  })
  expect(await countWhere(dataSource, 'touched = 7')).toBe(0)
  expect(await countRows(dataSource, 'rowshift_run')).toBe(0)
  expect(await countRows(dataSource, 'rowshift_schema_version')).toBe(1)
})

typeormTest('carries the prefix of the data source in the names of its tables', async (database) => {
  const dataSource = await database.connect({ entityPrefix: 'app_' } as never)
  await createCities(dataSource, database.name, 3)
  await runBackfill(dataSource, citySlug)
  expect(await readStatus(portTo(dataSource))).toMatchObject([{ run: { status: 'completed' } }])
  expect(await countRows(dataSource, 'app_rowshift_run')).toBe(1)
})
