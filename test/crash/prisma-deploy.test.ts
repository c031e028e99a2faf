import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { databaseOf } from '../../src/adapters/typeorm/database.js'
import { sql } from '../../src/dialects/sql.js'
import { citySlugText } from '../support/cli-project.js'
import { PrismaProject, prismaSurroundings, testPrisma } from '../support/prisma/prisma-project.js'

const rows = 250

testPrisma(
  ['sqlite', 'postgres', 'mariadb'],
  'a deploy that is killed in a backfill and again behind it goes on, and writes each row once',
  async (database) => {
    const app = await database.connect()
    const { dialect, stateNames } = databaseOf(app as unknown as DataSourceLike)
    const backfill = {
      name: 'city.slug',
      table: { schema: undefined, name: 'city' },
      matching: sql`${sql.id('slug')} is null`,
    }
    const numbers = Array.from({ length: rows }, (_, i) => i + 1)
    const migrations = 'prisma/migrations'
    const project = await PrismaProject.create(
      database,
      'model city {\n  id Int @id\n  name String\n  slug String\n}\n',
      {
        files: {
          [`${migrations}/1_init/migration.sql`]: `create table city (id integer not null primary key, name varchar(50) not null);
          insert into city (id, name) values ${numbers.map((id) => `(${id}, 'City ${id}')`).join(', ')};`,
          [`${migrations}/2_slug/migration.sql`]: `-- rowshift:backfill city.slug\nalter table city add column slug varchar(50);`,
          [`${migrations}/2_slug/backfill.ts`]: citySlugText({ waitAt: 150 }),
          [`${migrations}/3_contract/migration.sql`]: `-- rowshift:gate city.slug\n${dialect.texts.gate(stateNames, backfill)}
          create unique index city_slug on city (slug);`,
        },
      },
    )
    await app.destroy()
    const folders = () => filesBelow(join(project.folder, migrations))
    const before = await folders()
    const start = () => project.app.start(['prisma', 'deploy'], { env: prismaSurroundings })

    const inBackfill = start()
    await inBackfill.line('waiting')
    await inBackfill.kill()
    expect(await folders()).toEqual(before)

    // Somebody calls Prisma's own command now: the gate is in its SQL too.
    const plain = await project.prisma('migrate', 'deploy')
    expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining('city.slug') })
    expect(await project.prisma('migrate', 'resolve', '--rolled-back', '3_contract')).toMatchObject({ code: 0 })

    await project.app.write({ go: '' })
    const behindIt = start()
    await behindIt.line('completed')
    await behindIt.kill()

    // Prisma's own command may still be at work; a deploy waits for its lock or fails and is started again.
    const last = await project.json('prisma', 'deploy')
    expect(last).toEqual({ code: 0, document: { isDone: true, gate: null, backfills: [] } })
    expect(await folders()).toEqual(before)
    const again = await database.connect()
    const filled = await again.query('select min(slug) as first from city where slug is not null having count(*) = 250')
    expect(filled).toEqual([{ first: 'city-1' }])
    expect(await again.query('select status from rowshift_run')).toEqual([{ status: 'completed' }])
    const [checkpoint]: { written: unknown }[] = await again.query('select written from rowshift_checkpoint')
    expect(Number(checkpoint?.written)).toBe(rows)
    await expect(again.query(`insert into city (id, name, slug) values (0, '', 'city-1')`)).rejects.toThrow(
      /unique|duplicate/i,
    )
  },
  300_000,
)

testPrisma(
  ['postgres'],
  'a deploy that is killed while the stock command applies a migration goes on',
  async (database) => {
    const migrations = 'prisma/migrations'
    const project = await PrismaProject.create(database, 'model city {\n  id Int @id\n  name String?\n}\n', {
      files: { [`${migrations}/1_init/migration.sql`]: 'create table city (id integer not null primary key);' },
    })
    expect(await project.json('prisma', 'deploy')).toMatchObject({ code: 0 })
    await project.app.write({ [`${migrations}/2_name/migration.sql`]: 'alter table city add column name text;' })

    const app = await database.connect()
    const reader = app.createQueryRunner()
    await reader.startTransaction()
    await reader.query('select * from city')
    const killed = project.app.start(['prisma', 'deploy'], { env: prismaSurroundings })
    const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like 'alter table city%'`
    await expect.poll(() => app.query(waiting), { timeout: 60_000 }).toHaveLength(1)
    await killed.kill()
    await reader.commitTransaction()
    await reader.release()

    expect(await project.json('prisma', 'deploy')).toMatchObject({ code: 0, document: { isDone: true } })
    expect(
      await app.query(
        'select migration_name as name, finished_at is not null as done from _prisma_migrations order by 1',
      ),
    ).toEqual([
      { name: '1_init', done: true },
      { name: '2_name', done: true },
    ])
    expect(await app.query('select name from city')).toEqual([])
  },
  300_000,
)

/** Every file with its contents and the time of its last change. */
async function filesBelow(root: string): Promise<readonly unknown[]> {
  const names = (await readdir(root, { recursive: true })).sort()
  const described = names.map(async (name) => {
    const found = await stat(join(root, name))
    return [name, found.mtimeMs, found.isFile() ? await readFile(join(root, name), 'utf8') : undefined]
  })
  return Promise.all(described)
}
