import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { migrationFolders } from '../../src/adapters/prisma/schema/migration-folders.js'
import { mysql } from '../../src/dialects/mysql/index.js'
import { sql } from '../../src/dialects/sql.js'
import { PrismaProject, testPrisma } from '../support/prisma/prisma-project.js'
import { runSqlFile } from '../support/run-sql-file.js'

/*
 * The migrations of the example for Prisma are what `rowshift prisma generate` writes for its schema, version after version.
 * `npx vitest -u` writes their SQL anew.
 */

const example = join(__dirname, '../../example-app/prisma')

/** The migrations in order: their names, and the version of the model that they lead to. */
const steps = [
  { name: 'create-city', version: '1.0.0', args: [] },
  { name: 'city-slug', version: '2.0.0', args: [] },
  { name: 'city-search', version: '3.0.0', args: ['--progressive'] },
] as const

/** The schema as it was at a version, without its datasource: without the fields that are newer. */
async function modelsAt(folder: string, version: string): Promise<string> {
  const today = await readFile(join(example, folder, 'schema.prisma'), 'utf8')
  const field = /\n*\n {2}\/\/\/ New in (\d\.\d\.\d): .*\n.*/g
  return today
    .replace(/datasource \w+ \{[^}]*\}\n/, '')
    .replace('@schemaVersion 3.0.0', `@schemaVersion ${version}`)
    .replace(field, (text, since: string) => (since > version ? '' : text))
}

const filesIn = async (folder: string) =>
  (await readdir(folder, { recursive: true })).filter((name) => /\.(sql|ts)$/.test(name)).sort()

/** Compares each migration with the committed one, oldest first; there are no others. */
async function compareWith(folder: string, texts: readonly (readonly [path: string, text: string])[]): Promise<void> {
  const committed = join(example, folder, 'migrations')
  const names: string[] = []
  for (const [path, text] of texts) {
    const [migration = '', file = ''] = path.split('/')
    const place = [...new Set(texts.map(([name]) => name.split('/')[0]))].indexOf(migration) + 1
    const name = `2025112104000${place}${migration.slice(14)}/${file}`
    names.push(name)
    if (file === 'migration.sql') await expect(text).toMatchFileSnapshot(join(committed, name))
    else expect(declared(await readFile(join(committed, name), 'utf8'))).toEqual(declared(text))
  }
  expect(await filesIn(committed)).toEqual(names.sort())
}

/** What a definition says of its table: the function, and what it reads, is its author's. */
const declared = (text: string): readonly string[] =>
  text.split('\n').filter((line) => /^export |^ {2}(name|table|write|where|reverse):/.test(line))

testPrisma(
  ['sqlite', 'postgres'],
  "the example's migrations and definitions are generated ones",
  async (database) => {
    const project = await PrismaProject.create(database, await modelsAt(database.name, '1.0.0'))
    for (const { name, version, args } of steps) {
      await project.schema(await modelsAt(database.name, version))
      expect(await project.json('prisma', 'generate', name, ...args)).toMatchObject({ code: 0 })
      // Where no row has to be filled every gate is open.
      if (version !== '3.0.0') expect(await project.prisma('migrate', 'deploy')).toMatchObject({ code: 0 })
    }
    const folder = join(project.folder, 'prisma/migrations')
    const files = (await filesIn(folder)).map(
      async (name) => [name, await readFile(join(folder, name), 'utf8')] as const,
    )
    await compareWith(database.name, await Promise.all(files))
  },
  300_000,
)

/** As `prisma migrate diff` writes for MySQL, which the stand-in for its engine cannot be asked for. */
const mysqlStages = {
  create: `-- CreateTable
CREATE TABLE \`city\` (
    \`id\` INTEGER NOT NULL,
    \`name\` VARCHAR(191) NOT NULL,
    \`country\` VARCHAR(191) NOT NULL,
    \`admin1\` VARCHAR(191) NOT NULL,
    \`lat\` DOUBLE NOT NULL,
    \`lng\` DOUBLE NOT NULL,
    \`population\` INTEGER NULL,

    PRIMARY KEY (\`id\`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
`,
  slug: {
    expand: `-- AlterTable
ALTER TABLE \`city\` ADD COLUMN \`slug\` VARCHAR(191) NULL;

-- CreateIndex
CREATE UNIQUE INDEX \`city_slug_key\` ON \`city\`(\`slug\`);
`,
    contract: `-- AlterTable
ALTER TABLE \`city\` MODIFY \`slug\` VARCHAR(191) NOT NULL;
`,
  },
  search: {
    expand: `-- AlterTable
ALTER TABLE \`city\` ADD COLUMN \`geohash\` VARCHAR(191) NULL,
    ADD COLUMN \`search_name\` VARCHAR(191) NULL;
`,
    contract: `-- AlterTable
ALTER TABLE \`city\` MODIFY \`search_name\` VARCHAR(191) NOT NULL,
    MODIFY \`geohash\` VARCHAR(191) NOT NULL;
`,
  },
}

test("the example's migrations for MySQL are folders of the generator around Prisma's statements", async () => {
  const folders = (name: string, from: string, to: string, expand: string, contract?: string, filled?: string) =>
    migrationFolders({
      name,
      time: new Date(0),
      migrationsFolder: '',
      summary: `City ${from}${to}.`,
      stages: { expand, contract: contract ?? '' },
      backfills:
        filled === undefined
          ? []
          : [
              {
                name: `city@${to}`,
                table: { schema: undefined, name: 'city' },
                matching: sql`${sql.id(filled)} is null`,
                file: 'backfill.ts',
                text: () => '',
              },
            ],
      versions: [{ table: 'city', to }],
      isProgressive: name === 'city-search',
      hasState: from !== '',
      texts: mysql.texts,
      stateNames: { schema: undefined, prefix: 'rowshift_' },
    })
  const { create, slug, search } = mysqlStages
  const files = [
    ...folders('create-city', '', '1.0.0', create),
    ...folders('city-slug', '1.0.0 to ', '2.0.0', slug.expand, slug.contract, 'slug'),
    ...folders('city-search', '2.0.0 to ', '3.0.0', search.expand, search.contract, 'search_name'),
  ]
  const definitions = async (path: string) =>
    readFile(
      join(example, 'sqlite/migrations', `2025112104000${path.includes('slug') ? 3 : 5}${path.slice(14)}`),
      'utf8',
    )
  await compareWith(
    'mysql',
    await Promise.all(
      files.map(async ({ path, text }) => [path, path.endsWith('.sql') ? text : await definitions(path)] as const),
    ),
  )
})

test('the three schemas of the example are one for three databases, and so are its definitions', async () => {
  const all = ['sqlite', 'postgres', 'mysql'].map(async (folder) => {
    const schema = await readFile(join(example, folder, 'schema.prisma'), 'utf8')
    const definitions = (await filesIn(join(example, folder, 'migrations'))).filter((name) => name.endsWith('.ts'))
    const texts = definitions.map((name) => readFile(join(example, folder, 'migrations', name), 'utf8'))
    return [schema.replaceAll(folder, '').replace(/provider = "\w*"/, ''), ...(await Promise.all(texts))]
  })
  const [sqlite, postgres, mysqls] = await Promise.all(all)
  expect(sqlite).toHaveLength(3)
  expect(postgres).toEqual(sqlite)
  expect(mysqls).toEqual(sqlite)
})

testPrisma(
  ['sqlite', 'postgres', 'mariadb'],
  "a tool that knows nothing but SQL runs the example's migrations in an empty database, and is stopped by the gates of a filled one",
  async (database) => {
    const root = join(example, database.name === 'mariadb' ? 'mysql' : database.name, 'migrations')
    const files = (await filesIn(root)).filter((name) => name.endsWith('.sql'))
    const run = async (name: string) => runSqlFile(database, await readFile(join(root, name), 'utf8'))
    const [slug, search] = files.filter((name) => name.includes('_contract'))
    // As `migrate dev` does in its shadow database.
    for (const name of files) await run(name)

    const app = await database.connect()
    await app.query('drop table city')
    await app.query('delete from rowshift_run')
    await run(files[1]!)
    await app.query(`insert into city (id, name, country, admin1, lat, lng) values (1, 'Oslo', 'NO', '12', 59.9, 10.7)`)
    await run(files[2]!)
    await expect(run(slug!)).rejects.toThrow(/city@2\.0\.0/)
    await run(files[4]!)
    await expect(run(search!)).rejects.toThrow(/city@3\.0\.0/)
    expect(await app.query('select slug, search_name from city')).toEqual([{ slug: null, search_name: null }])
  },
)
