import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { citySlugText } from '../support/cli-project.js'
import { PrismaProject, testPrisma } from '../support/prisma/prisma-project.js'

const before = `/// @schemaVersion 1.0.0
model City {
  id       Int    @id @default(autoincrement())
  name     String
  nickname String

  @@map("city")
}
`

/** `name` becomes `title`, `nickname` goes, `slug` is computed. */
const after = `/// @schemaVersion 2.0.0
model City {
  id    Int    @id @default(autoincrement())
  title String
  slug  String @unique

  @@map("city")
}
`

/** Two versions of an application that has grown: relations, indexes, enums, native types. */
const grown = (
  isNew: boolean,
  native: (type: string) => string,
) => `${isNew ? '/// @schemaVersion 2.0.0' : '/// @schemaVersion 1.0.0'}
model Person {
  id    Int    @id @default(autoincrement())
${
  isNew
    ? `  fullName String @map("full_name") // it was "name"
  age      Int
  kind     Kind
  zip      String ${native('@db.VarChar(20)')}
  note     String
  token    String @unique @default(uuid())
  score    Int @default(0)
  cityId   Int @map("city_id")
  city     City @relation(fields: [cityId], references: [id])

  @@unique([fullName, cityId])
  @@index([zip, fullName])`
    : `  name  String @unique
  age   String
  kind  Kind   @default(NEW)
  email String @unique
  zip   String ${native('@db.VarChar(10)')}
  note  String?

  @@index([zip, name])`
}
  @@map("person")
}

model City {
  id   Int    @id
  name String
${isNew ? '  people Person[]' : ''}
}

enum Kind {
  NEW
  OLD
${isNew ? '  LATE' : ''}
}
`

testPrisma(
  ['sqlite', 'postgres'],
  'a change is generated, deployed with its backfill in between, and borne by every stock command',
  async (database) => {
    const native = (type: string) => (database.name === 'postgres' ? type : '')
    const project = await PrismaProject.create(database, grown(false, native))
    expect(await project.prisma('migrate', 'dev', '--name', 'init')).toMatchObject({ code: 0 })
    const app = await database.connect()
    await app.query(`insert into "City" (id, name) values (1, 'Oslo')`)
    await app.query(`insert into person (name, age, email, zip, note)
      values ('Ann Lee', '31', 'ann@x', '0150', null), ('Bob', '42', 'bob@x', '0151', 'kept')`)

    await project.schema(grown(true, native))
    const generated = await project.json(
      'prisma',
      'generate',
      'person',
      '--rename',
      'name:full_name',
      '--rename',
      'none',
    )
    expect(generated).toMatchObject({ code: 0, document: { backfills: ['person@2.0.0'], lost: [], isWritten: true } })
    expect(await project.json('prisma', 'deploy')).toMatchObject({
      code: 1,
      document: { error: { code: 'NOT_WRITTEN' } },
    })
    const changes = "{ token: 't' + row.id, city_id: 1, age__2_0_0: Number(row.age), note: row.note ?? '' }"
    await fill(project, changes)
    const files = await migrationFiles(project)
    const [first = ''] = Object.entries(files).flatMap(([name, text]) =>
      name.endsWith('_person/migration.sql') ? [text] : [],
    )
    if (database.name === 'postgres') expect(first).toContain('"zip" SET DATA TYPE VARCHAR(20)')
    const deployed = await project.json('prisma', 'deploy')
    expect(deployed).toMatchObject({
      code: 0,
      document: {
        isDone: true,
        gate: null,
        backfills: [{ backfill: 'person@2.0.0', status: 'completed', counts: { written: 2 } }],
      },
    })
    const same = { kind: 'NEW', score: 0, city_id: 1 }
    expect(await app.query('select * from person order by id')).toEqual([
      { id: 1, full_name: 'Ann Lee', age: 31, zip: '0150', note: '', token: 't1', ...same },
      { id: 2, full_name: 'Bob', age: 42, zip: '0151', note: 'kept', token: 't2', ...same },
    ])
    await app.destroy()
    expect(await migrationFiles(project)).toEqual(files)

    expect(await project.prisma('migrate', 'status')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('up to date'),
    })
    if (database.name === 'sqlite')
      expect(await project.json('prisma', 'generate', '--check')).toMatchObject({ code: 0, document: { files: [] } })
    // The history passes its gates in the empty shadow database, and leads to the schema and to nothing else.
    expect(await project.prisma('migrate', 'dev', '--create-only', '--name', 'nothing')).toMatchObject({ code: 0 })
    expect(Object.values(await migrationFiles(project)).at(-1)).toBe('-- This is an empty migration.')
    expect(await project.prisma('migrate', 'reset', '--force')).toMatchObject({ code: 0 })
    expect(await project.json('prisma', 'deploy')).toMatchObject({ code: 0, document: { isDone: true, backfills: [] } })
  },
  300_000,
)

testPrisma(
  ['sqlite', 'postgres'],
  'a progressive change stops every tool at its gate, until background workers have filled the rows',
  async (database) => {
    const project = await PrismaProject.create(database, before)
    expect(await project.prisma('migrate', 'dev', '--name', 'init')).toMatchObject({ code: 0 })
    const app = await database.connect()
    await app.query(`insert into city (name, nickname) values ('Oslo', 'Tiger'), ('Rome', 'Eternal')`)
    await project.schema(after)
    const renames = ['--rename', 'name:title', '--rename', 'none']
    const generated = await project.json('prisma', 'generate', 'city-slug', '--progressive', ...renames)
    expect(generated).toMatchObject({ code: 0, document: { tables: [{ table: 'city', to: '2.0.0' }] } })
    await fill(project, '{ slug: row.name.toLowerCase() }')

    expect(await project.json('prisma', 'deploy')).toEqual({
      code: 3,
      document: { isDone: false, gate: 'city@2.0.0', backfills: [] },
    })
    const refused = await project.prisma('migrate', 'deploy')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/city@2\.0\.0/) })
    const contract = Object.keys(await migrationFiles(project))
      .at(-1)!
      .split('/')[0]!
    expect(await project.prisma('migrate', 'resolve', '--rolled-back', contract)).toMatchObject({ code: 0 })
    expect(await app.query('select name, slug from city order by id')).toEqual([
      { name: 'Oslo', slug: null },
      { name: 'Rome', slug: null },
    ])

    expect(await project.json('work')).toMatchObject({ code: 0 })
    expect(await project.prisma('migrate', 'deploy')).toMatchObject({ code: 0 })
    expect(await app.query('select title, slug from city order by id')).toEqual([
      { title: 'Oslo', slug: 'oslo' },
      { title: 'Rome', slug: 'rome' },
    ])
    // The schedule and its gate pass in the empty shadow database.
    expect(await project.prisma('migrate', 'dev', '--create-only', '--name', 'nothing')).toMatchObject({ code: 0 })
  },
  300_000,
)

testPrisma(
  ['sqlite', 'postgres'],
  'values that come twice under a new unique index are failures of their rows, and keep the contract away',
  async (database) => {
    const project = await PrismaProject.create(database, before)
    expect(await project.prisma('migrate', 'dev', '--name', 'init')).toMatchObject({ code: 0 })
    const app = await database.connect()
    await app.query(`insert into city (name, nickname) values ('Oslo', 'a'), ('Rome', 'b'), ('Oslo', 'c')`)
    await project.schema(after)
    const renames = ['--rename', 'name:title', '--rename', 'none']
    expect(await project.json('prisma', 'generate', 'city-slug', ...renames)).toMatchObject({ code: 0 })
    await fill(project, '{ slug: row.name.toLowerCase() }')

    const slugs = async () => {
      const rows: { slug: string | null }[] = await app.query('select slug from city order by id')
      return rows.map(({ slug }) => slug)
    }
    expect(await project.json('prisma', 'deploy')).toMatchObject({
      code: 1,
      document: { isDone: false },
    })
    expect(await slugs()).toEqual(['oslo', 'rome', null])
    expect(await project.json('failures', 'city@2.0.0')).toMatchObject({
      document: { failures: [{ key: ['3'], state: 'failed', code: 'ROW_REFUSED' }] },
    })
    // The contract would have renamed the column.
    await app.query(`update city set name = 'Oslo 2' where id = 3`)
    expect(await project.json('prisma', 'deploy')).toMatchObject({ code: 0, document: { isDone: true } })
    expect(await slugs()).toEqual(['oslo', 'rome', 'oslo 2'])
    await expect(app.query(`insert into city (title, slug) values ('Roma', 'rome')`)).rejects.toThrow(/unique/i)
  },
  300_000,
)

testPrisma(['sqlite'], 'a deploy with Prisma 6 runs the backfills in between as well', async (database) => {
  const migrations = 'prisma/migrations'
  const project = await PrismaProject.create(
    database,
    'model city {\n  id Int @id\n  name String\n  slug String?\n}\n',
    {
      version: 6,
      files: {
        [`${migrations}/1_init/migration.sql`]: `create table city (id integer not null primary key, name text not null);
        insert into city (id, name) values (1, 'New York');`,
        [`${migrations}/2_slug/migration.sql`]:
          '-- rowshift:backfill city.slug\nalter table city add column slug text;',
        [`${migrations}/2_slug/backfill.ts`]: citySlugText(),
        [`${migrations}/3_index/migration.sql`]:
          '-- rowshift:gate city.slug\ncreate unique index city_slug on city (slug);',
      },
    },
  )
  expect(await project.json('prisma', 'deploy')).toMatchObject({
    code: 0,
    document: { isDone: true, backfills: [{ backfill: 'city.slug', counts: { written: 1 } }] },
  })
  const app = await database.connect()
  expect(await app.query('select slug from city')).toEqual([{ slug: 'new-york' }])
  expect(await app.query('select migration_name as name from _prisma_migrations order by 1')).toEqual([
    { name: '1_init' },
    { name: '2_slug' },
    { name: '3_index' },
  ])
})

const sequenceText = `import { defineBackfill, sequence, sql } from 'rowshift'

const slug = defineBackfill.sql({ name: 'city.slug', table: 'city', where: { slug: null }, set: { slug: sql\`lower(name)\` } })
const link = defineBackfill.sql({
  name: 'city.link', table: 'city', where: { link: null }, set: { link: sql\`concat('/', slug)\` },
})
export const cities = sequence('city@2.0.0', [slug, link])
`

const everywhere = ['sqlite', 'postgres', 'mariadb'] as const

testPrisma(everywhere, 'a deploy keeps the order of a sequence; a migration names its backfills', async (database) => {
  const filesOf = (marks: string) => ({
    'prisma/migrations/1_init/migration.sql': `create table city (id integer not null primary key, name text not null);
        insert into city (id, name) values (1, 'Oslo');`,
    'prisma/migrations/2_slug/migration.sql': `${marks}\nalter table city add column slug text;\nalter table city add column link text;`,
    'prisma/migrations/2_slug/backfill.ts': sequenceText,
  })
  const schema = 'model city {\n  id Int @id\n  name String\n  slug String?\n  link String?\n}\n'
  const refused = await PrismaProject.create(database, schema, { files: filesOf('-- rowshift:gate city@2.0.0') })
  expect(await refused.json('prisma', 'deploy')).toMatchObject({
    code: 2,
    document: { error: { code: 'UNKNOWN_BACKFILL', details: { backfills: ['city.slug', 'city.link'] } } },
  })
  const files = filesOf('-- rowshift:backfill city.link\n-- rowshift:backfill city.slug')
  const project = await PrismaProject.create(database, schema, { files })
  expect(await project.json('prisma', 'deploy')).toMatchObject({
    code: 0,
    document: { isDone: true, backfills: [{ backfill: 'city.slug' }, { backfill: 'city.link' }] },
  })
  expect(await (await database.connect()).query('select slug, link from city')).toEqual([
    { slug: 'oslo', link: '/oslo' },
  ])
})

/** Writes the function of the one generated definition. */
async function fill(project: PrismaProject, changes: string): Promise<void> {
  const files = Object.entries(await migrationFiles(project)).filter(([name]) => name.endsWith('backfill.ts'))
  for (const [name, text] of files) {
    const filled = text.replace(/transform: toBeWritten\(.*\)/, () => `transform: (row) => (${changes})`)
    await writeFile(join(project.folder, 'prisma/migrations', name), filled)
  }
}

/** Every file below the migrations, oldest first. */
async function migrationFiles(project: PrismaProject): Promise<Readonly<Record<string, string>>> {
  const root = join(project.folder, 'prisma/migrations')
  const names = (await readdir(root, { recursive: true })).filter((name) => /\.(sql|ts)$/.test(name)).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(root, name), 'utf8')))
  return Object.fromEntries(names.map((name, i) => [name, texts[i]!]))
}
