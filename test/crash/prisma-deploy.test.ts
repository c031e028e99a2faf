import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DataSourceLike } from '../../src/adapters/typeorm/data-source.js'
import { databaseOf } from '../../src/adapters/typeorm/database.js'
import { sql } from '../../src/dialects/sql.js'
import { beforeAllCompilePackage, citySlugText } from '../support/cli-project.js'
import { PrismaProject, prismaSurroundings, testPrisma } from '../support/prisma/prisma-project.js'

beforeAllCompilePackage()

const rows = 250

testPrisma(
  ['postgres'],
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
          [`${migrations}/1_init/migration.sql`]: `create table city (id integer not null primary key, name text not null);
          insert into city (id, name) values ${numbers.map((id) => `(${id}, 'City ${id}')`).join(', ')};`,
          [`${migrations}/2_slug/migration.sql`]: `-- rowshift:backfill city.slug\nalter table city add column slug text;`,
          [`${migrations}/2_slug/backfill.ts`]: citySlugText({ waitAt: 150 }),
          [`${migrations}/3_contract/migration.sql`]: `-- rowshift:gate city.slug\n${dialect.texts.gate(stateNames, backfill)}
          create unique index city_slug on city (slug);`,
        },
      },
    )
    await app.destroy()
    const folders = () => readdir(join(project.folder, migrations), { recursive: true })
    const before = await folders()
    const start = () => project.app.start(['prisma', 'deploy'], { env: prismaSurroundings })

    const inBackfill = start()
    await inBackfill.line('waiting')
    await inBackfill.kill()
    expect(await folders()).toEqual(before)

    await project.app.write({ go: '' })
    const behindIt = start()
    await behindIt.line('completed')
    await behindIt.kill()

    // Prisma's own command may still be at work; a deploy waits for its lock or fails and is started again.
    const last = await project.json('prisma', 'deploy')
    expect(last).toEqual({ code: 0, document: { isDone: true, gate: null, backfills: [] } })
    expect(await folders()).toEqual(before)
    const again = await database.connect()
    expect(await again.query('select count(*) as n, min(slug) as first from city where slug is not null')).toEqual([
      { n: String(rows), first: 'city-1' },
    ])
    expect(await again.query('select status from rowshift_run')).toEqual([{ status: 'completed' }])
    expect(await again.query('select written from rowshift_checkpoint')).toEqual([{ written: String(rows) }])
    await expect(again.query(`insert into city (id, name, slug) values (0, '', 'city-1')`)).rejects.toThrow(/unique/i)
  },
  300_000,
)
