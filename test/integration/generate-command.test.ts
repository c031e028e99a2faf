import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished } from 'vitest'
import { type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'
import { ChangingApp } from '../support/generated-change.js'

/* What `rowshift generate` asks, refuses and writes; what is in its migrations is shown by the other generate tests. */

const versions = {
  city: `export const city = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text', slug: 'text' }, { upgrade: (row) => ({ slug: row.name.toLowerCase() }) })
`,
}
const first = `@Entity() @SchemaVersion('1.0.0')
export class City { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 100 }) name!: string }`
const second = `@Entity() @SchemaVersion('2.0.0', { of: city })
export class City { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 100 }) name!: string; @Column({ length: 100 }) slug!: string }`

/** An application whose cities are at 1.0.0, and whose code is at another version. */
async function cities(
  database: TestDatabase,
  code: string,
  options: Readonly<Record<string, unknown>> = {},
  before = first,
) {
  const app = await ChangingApp.create(database, versions, options)
  await app.entities('v1', before)
  await app.entities('v2', code)
  expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
  await app.use('v1', async (dataSource) => {
    await dataSource.runMigrations()
    await dataSource.query(`insert into city (id, name) values (1, 'Porto'), (2, 'Faro')`)
  })
  return app
}

/** The stock command, in a process of its own. */
async function runFresh(app: ChangingApp, ...args: readonly string[]): Promise<string> {
  const cli = join(__dirname, '../../node_modules/typeorm/cli.js')
  const { stdout } = await promisify(execFile)(process.execPath, [cli, ...args, '-d', 'out/v2/data-source.js'], {
    cwd: app.folder,
    env: { ...process.env, NO_COLOR: '1' },
  })
  return stdout
}

typeormTest('--check passes a clean tree and fails one that lacks a migration', async (database) => {
  const app = await cities(database, second)
  expect(await app.generate('v1', '--check')).toMatchObject({ code: 0, out: expect.stringContaining('Nothing to') })
  expect(await app.generate('v2', '--check')).toMatchObject({
    code: 1,
    out: expect.stringContaining('City  1.0.0 -> 2.0.0'),
  })
  // Changed without a new version: nothing can be generated, and it is no clean tree either.
  await app.entities('v3', second.replace(`'2.0.0', { of: city }`, `'1.0.0'`))
  expect(await app.generate('v3', '--check')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^SCHEMA_DRIFT: .*"City".*"slug"/),
  })
  expect(Object.keys(await app.files('backfills'))).toEqual([])
  expect(Object.keys(await app.files('migrations'))).toHaveLength(1)
})

typeormTest('--dry-run prints the files and writes none', async (database) => {
  const app = await cities(database, second)
  const { code, out } = await app.generate('v2', 'migrations/Second', '--dry-run')
  expect(code).toBe(0)
  expect(out).toContain('export const cityV2_0_0 = defineBackfill({')
  // Its function is part of the code that a run is continued by.
  expect(out).toContain(`steps: city.path('1.0.0', '2.0.0'),`)
  expect(out).toContain('await backfill(queryRunner, cityV2_0_0)')
  expect(Object.keys(await app.files('migrations'))).toHaveLength(1)
  expect(Object.keys(await app.files('backfills'))).toEqual([])
})

typeormTestOn(['sqlite'], 'with several data sources it is about the one that is named', async (database) => {
  const app = await cities(database, second)
  await writeFile(
    join(app.folder, 'several.config.ts'),
    `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'
export default defineConfig({ dataSources: {
  main: { database: typeorm('./v1/data-source.ts'), backfills: 'backfills/*.ts' },
  compiled: { database: typeorm('./v2/data-source.ts'), backfills: 'dist/backfills/*.js' },
  archive: { database: typeorm('./v2/data-source.ts'), backfills: 'archive/*.ts' },
} })
`,
  )
  expect(await app.command('generate', '--check', '-c', 'several.config.ts', '-d', 'main')).toMatchObject({ code: 0 })
  // Sources are not written among what is compiled.
  const files = await app.command(
    'generate',
    'migrations/Second',
    '-c',
    'several.config.ts',
    '-d',
    'compiled',
    '--dry-run',
  )
  expect(files.out).toMatch(/^\/\/ backfills\/city-2\.0\.0\.ts$/m)
  expect(await app.command('generate', 'migrations/Second', '-c', 'several.config.ts', '-d', 'archive')).toMatchObject({
    code: 0,
    err: '',
  })
  expect(Object.keys(await app.files('archive'))).toEqual(['city-2.0.0.ts'])
})

typeormTestOn(
  ['sqlite'],
  'a table that was changed without a new version is drift, with its columns',
  async (database) => {
    const app = await cities(database, second.replace(`'2.0.0', { of: city }`, `'1.0.0'`))
    const { code, err } = await app.generate('v2', 'migrations/Second')
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(/^SCHEMA_DRIFT: .*"City".*"slug"/) })
  },
)

typeormTestOn(
  ['sqlite'],
  'a relation to many that is new without a new version is drift, with its table',
  async (database) => {
    const app = await cities(
      database,
      first.replace(
        'name!: string',
        'name!: string; @ManyToMany(() => City) @JoinTable({ name: "twins" }) twins!: City[]',
      ),
    )
    const { code, err } = await app.generate('v2', '--check')
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringMatching(/^SCHEMA_DRIFT: .*"City".*"twins"/) })
  },
)

typeormTestOn(['sqlite'], 'a column to be filled that the version does not have is named', async (database) => {
  const app = await cities(database, second.replace('slug!', 'size!: string; @Column({ length: 100 }) slug!'))
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^UNSUPPORTED_CHANGE: "city.size" .*`city` of "City" .*2\.0\.0\. Add it/),
  })
  expect(Object.keys(await app.files('backfills'))).toEqual([])
})

typeormTestOn(
  ['sqlite'],
  'a changed entity without a version is told to have one, an unchanged one is left alone',
  async (database) => {
    const app = await cities(database, second.replace(`@SchemaVersion('2.0.0', { of: city })`, ''))
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^VERSION_MISSING: .*@SchemaVersion/),
    })
    // What equals its table needs no version.
    await app.entities('v3', first.replace(`@SchemaVersion('1.0.0')`, ''))
    expect(await app.generate('v3', '--check')).toMatchObject({ code: 0 })
  },
)

typeormTestOn(['sqlite'], 'code of an earlier version than the table is told from a change', async (database) => {
  const app = await cities(database, first.replace('1.0.0', '0.9.0'))
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^VERSION_BEHIND: .*0\.9\.0.*1\.0\.0/),
  })
})

typeormTestOn(['sqlite'], 'a rename is never guessed', async (database) => {
  const app = await cities(database, first.replace('1.0.0', '2.0.0').replace('name!', 'title!'))
  const { code, err } = await app.generate('v2', 'migrations/Second')
  expect({ code, err }).toMatchObject({
    code: 2,
    err: expect.stringMatching(/^RENAME_UNCLEAR: .*--rename name:title.*--rename none/),
  })
  expect(await app.generate('v2', 'migrations/Second', '--rename', 'nam:title')).toMatchObject({ code: 2 })
  expect((await app.generate('v2', 'migrations/Second', '--rename', 'name:title', '--dry-run')).out).not.toContain(
    'undo',
  )
  expect((await app.generate('v2', 'migrations/Second', '--rename', 'none', '--dry-run')).out).toContain(
    `requireReversible(cityV2_0_0)`,
  )
})

typeormTest(
  'an upgrade that only rewrites values has a backfill, which must say which rows are left',
  async (database) => {
    const app = await ChangingApp.create(database, {
      city: `export const city = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('1.1.0', { id: 'integer', name: 'text' }, {
    upgrade: (row) => ({ name: row.name.toUpperCase() }),
    downgrade: (row) => ({ name: row.name[0] + row.name.slice(1).toLowerCase() }),
  })
`,
    })
    await app.entities('v1', first)
    await app.entities('v2', first.replace(`'1.0.0'`, `'1.1.0', { of: city }`))
    expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
    await app.use('v1', async (dataSource) => {
      await dataSource.runMigrations()
      await dataSource.query(`insert into city (id, name) values (1, 'Porto'), (2, 'FARO')`)
    })
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({
      code: 0,
      out: expect.stringContaining('to be written'),
    })
    await app.emit()
    expect(await app.typeorm('v2', 'migration:run')).toMatchObject({
      code: 1,
      out: expect.stringContaining('NOT_WRITTEN'),
    })

    const isLower = database.name === 'mariadb' ? 'binary name <> binary upper(name)' : 'name <> upper(name)'
    await app.fill([
      [/toBeWritten\.where\(.*\)/, `sql\`${isLower}\``],
      ['toBeWritten', 'sql'],
    ])
    await app.emit()
    const names = () =>
      app.use(
        'v2',
        (dataSource) => dataSource.query('select name from city order by id') as Promise<{ name: string }[]>,
      )
    expect(await runFresh(app, 'migration:run')).toMatch(/Second\d+ has been executed successfully/)
    expect(await names()).toEqual([{ name: 'PORTO' }, { name: 'FARO' }])
    expect(await app.generate('v2', '--check')).toMatchObject({ code: 0 })
    expect(await runFresh(app, 'migration:revert')).toMatch(/Second\d+ has been reverted successfully/)
    expect(await names()).toEqual([{ name: 'Porto' }, { name: 'Faro' }])
  },
)

typeormTestOn(['sqlite'], 'a rename is asked for at a terminal, and done if the answer is yes', async (database) => {
  const app = await cities(database, first.replace('1.0.0', '2.0.0').replace('name!', 'title!'))
  const ask = (answer: string) =>
    app.generateAtTerminal(answer, '-d', 'v2/data-source.ts', 'migrations/Second', '--dry-run')
  const yes = await ask('y')
  expect(yes).toMatchObject({
    code: 0,
    err: expect.stringContaining('Is "title" of "city" the column "name" under another name? (y/N) '),
  })
  expect(yes.out).toContain('// "name" is "title" from here on.')
  // Whatever is not yes: two columns, and nothing brings the values of the first one back.
  expect((await ask('')).out).toContain('requireReversible(cityV2_0_0)')
})

typeormTest(
  'a squashed migration holds no backfill, and databases that are further only note it',
  async (database, target) => {
    const app = await cities(database, second)
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0 })
    await app.emit()
    expect(await app.typeorm('v2', 'migration:run')).toMatchObject({ code: 0 })

    // Instead of both migrations, one that is generated for an empty database.
    const empty = await target.createDatabase()
    onTestFinished(() => empty.drop())
    const squashed = await ChangingApp.create(empty, versions)
    await squashed.entities('v2', second)
    expect(await squashed.generate('v2', 'migrations/Squashed')).toMatchObject({ code: 0, err: '' })
    expect(Object.keys(await squashed.files('backfills'))).toEqual([])
    await squashed.emit()
    expect(await squashed.typeorm('v2', 'migration:run')).toMatchObject({ code: 0 })
    expect(await squashed.generate('v2', '--check')).toMatchObject({ code: 0 })

    const [name, text] = Object.entries(await squashed.files('migrations'))[0]!
    for (const old of Object.keys(await app.files('migrations'))) await rm(join(app.folder, 'migrations', old))
    await rm(join(app.folder, 'out/migrations'), { recursive: true })
    await writeFile(join(app.folder, 'migrations', name), text)
    await app.emit()
    expect(await runFresh(app, 'migration:run', '--fake')).not.toContain('CREATE TABLE')
    await app.use('v2', async (dataSource) => {
      expect(await dataSource.query('select slug from city order by id')).toEqual([{ slug: 'porto' }, { slug: 'faro' }])
      expect(await dataSource.query('select name from migrations order by id')).toContainEqual({
        name: expect.stringContaining('Squashed'),
      })
    })
    expect(await app.generate('v2', '--check')).toMatchObject({ code: 0 })
  },
)

typeormTestOn(
  ['sqlite'],
  'in a project of ES modules the files import as Node asks, and the registry is found',
  async (database) => {
    const app = await ChangingApp.create(database, versions)
    await writeFile(join(app.folder, 'package.json'), '{ "type": "module" }')
    const entities = async (version: string, text: string) => {
      await app.entities(version, text)
      for (const file of ['entities.ts', 'data-source.ts']) {
        const path = join(app.folder, version, file)
        const present = await readFile(path, 'utf8')
        const native = present
          .replace(/from '(\.[^']*)'/g, "from '$1.js'")
          .replaceAll('__dirname', 'import.meta.dirname')
          .replaceAll('__filename', 'import.meta.filename')
        await writeFile(path, native)
      }
    }
    await entities('v1', first)
    await entities('v2', second)
    expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
    const modules = { module: 'nodenext', moduleResolution: 'nodenext' }
    await app.emit(modules)
    expect(await runFresh(app, 'migration:run')).toMatch(/First\d+ has been executed successfully/)
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
    const [definition] = Object.values(await app.files('backfills'))
    expect(definition).toContain(`import { city } from '../versions/city.js'`)
    expect(Object.values(await app.files('migrations')).at(-1)).toContain(`from '../backfills/city-2.0.0.js'`)
    await app.emit(modules)
    expect(await runFresh(app, 'migration:run')).toMatch(/Second\d+ has been executed successfully/)
  },
)

typeormTestOn(['sqlite', 'mariadb'], 'a stub refuses to run before the first statement', async (database) => {
  const app = await cities(database, second.replace(', { of: city }', ''))
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({
    code: 0,
    out: expect.stringContaining('to be written'),
  })
  expect(await app.compile()).toBe('')
  await app.use('v2', async (dataSource) => {
    await expect(dataSource.runMigrations()).rejects.toThrow('NOT_WRITTEN')
    // On MySQL a statement before it would have stayed.
    expect(Object.keys((await dataSource.query('select * from city'))[0])).toEqual(['id', 'name'])
  })
})

typeormTest('an old migration runs whatever becomes of the entity', async (database) => {
  const app = await cities(database, second)
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0 })
  const written = Object.values({ ...(await app.files('migrations')), ...(await app.files('backfills')) }).join('')
  const imported = [...written.matchAll(/ from '([^']*)'/g)].map(([, path]) => path)
  expect([...new Set(imported)].sort()).toEqual([
    '../backfills/city-2.0.0',
    '../versions/city',
    'rowshift',
    'rowshift/typeorm',
    'typeorm',
  ])
  await app.entities('v3', '@Entity() export class Elsewhere { @PrimaryColumn() key!: string }')
  for (const version of ['v1', 'v2']) await rm(join(app.folder, version), { recursive: true })
  await app.use('v3', async (dataSource) => {
    await dataSource.runMigrations()
    expect(await dataSource.query('select slug from city order by id')).toEqual([{ slug: 'porto' }, { slug: 'faro' }])
    await dataSource.undoLastMigration()
  })
})

typeormTest('--progressive writes two classes in mode each: the second waits at the gate', async (database) => {
  const app = await cities(database, second, { migrationsTransactionMode: 'each' })
  expect(await app.generate('v2', 'migrations/Second', '--progressive')).toMatchObject({ code: 0, err: '' })
  // On PostgreSQL a third one, between them: what reads the whole table, outside a transaction.
  const isOnline = database.name === 'postgres'
  expect(Object.keys(await app.files('migrations'))).toHaveLength(isOnline ? 4 : 3)
  expect(await app.compile()).toBe('')
  await app.use('v2', async (dataSource) => {
    await expect(dataSource.runMigrations()).rejects.toThrow('GATE_SHUT')
    expect(await dataSource.query('select slug from city')).toEqual([{ slug: null }, { slug: null }])
  })
  expect(await app.command('run', 'city@2.0.0')).toMatchObject({ code: 0 })
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
    if (isOnline) await dataSource.undoLastMigration()
    await dataSource.undoLastMigration()
    await dataSource.undoLastMigration()
    expect(Object.keys((await dataSource.query('select * from city'))[0])).toEqual(['id', 'name'])
  })
})

typeormTest('--progressive in mode all writes the contract by a second call', async (database) => {
  const app = await cities(database, second)
  const { out } = await app.generate('v2', 'migrations/Second', '--progressive')
  expect(out).toContain('rowshift generate again writes the second half')
  expect(Object.keys(await app.files('migrations'))).toHaveLength(2)
  await app.use('v2', (dataSource) => dataSource.runMigrations())
  expect(await app.generate('v2', '--check')).toMatchObject({ code: 1 })

  expect(await app.generate('v2', 'migrations/Third')).toMatchObject({ code: 0, err: '' })
  const third = Object.entries(await app.files('migrations')).at(-1)![1]
  expect(third).toContain('await requireCompleted(queryRunner, cityV2_0_0)')
  expect(await app.compile()).toBe('')
  await app.use('v2', (dataSource) => expect(dataSource.runMigrations()).rejects.toThrow('GATE_SHUT'))
  expect(await app.command('run', 'city@2.0.0')).toMatchObject({ code: 0 })
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
  })
  expect(await app.generate('v2', '--check')).toMatchObject({ code: 0 })
})

typeormTestOn(['sqlite'], 'a second half says what cannot come back, as the first one does', async (database) => {
  const app = await ChangingApp.create(database, {
    city: `export const city = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text' }, { upgrade: (row) => ({ name: row.name.slice(0, 3) }) })
`,
  })
  await app.entities('v1', first)
  await app.entities('v2', first.replace(`'1.0.0'`, `'2.0.0', { of: city }`).replace('100', '3'))
  expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
  await app.use('v1', async (dataSource) => {
    await dataSource.runMigrations()
    await dataSource.query(`insert into city (id, name) values (1, 'Porto')`)
  })
  const said = 'not reversible: "city.name", until backfills/city-2.0.0.ts has a `reverse`'
  expect((await app.generate('v2', 'migrations/Second', '--progressive')).out).toContain(said)
  await app.use('v2', (dataSource) => dataSource.runMigrations())
  expect((await app.generate('v2', 'migrations/Third')).out).toContain(said)
  expect(await app.command('run', 'city@2.0.0')).toMatchObject({ code: 0 })
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    await expect(dataSource.undoLastMigration()).rejects.toThrow('IRREVERSIBLE')
    expect(await dataSource.query('select * from city')).toEqual([{ id: 1, name: 'Por' }])
  })
})

typeormTest('what was generated is run and reverted by the stock typeorm command', async (database) => {
  const app = await cities(database, second)
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0 })
  await app.emit()
  const typeorm = (...args: readonly string[]) => runFresh(app, ...args)
  const log = await typeorm('migration:run')
  expect(log).toMatch(/Second\d+ has been executed successfully/)
  // As TypeORM shows its own statements.
  expect(log).toMatch(/query: .*slug.* NOT NULL/)
  const dataSource = await database.connect()
  expect(await dataSource.query('select slug from city order by id')).toEqual([{ slug: 'porto' }, { slug: 'faro' }])
  expect(await typeorm('migration:generate', 'out/Left', '--check')).toContain('No changes in database schema')
  expect(await typeorm('migration:revert')).toMatch(/Second\d+ has been reverted successfully/)
  expect(Object.keys((await dataSource.query('select * from city'))[0])).toEqual(['id', 'name'])
})

typeormTestOn(['postgres'], 'a progressive contract reads no table while it keeps writers out', async (database) => {
  const club = `@Entity() @SchemaVersion('1.0.0')
export class Club { @PrimaryColumn({ type: 'integer' }) id!: number }
`
  const app = await ChangingApp.create(database, {}, { migrationsTransactionMode: 'each' })
  await app.entities(
    'v1',
    `${club}@Entity() @SchemaVersion('1.0.0')
export class Fan { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ type: 'integer' }) clubId!: number; @Column({ length: 9 }) name!: string }`,
  )
  await app.entities(
    'v2',
    `${club}@Entity() @Unique(['clubId', 'seat']) @SchemaVersion('2.0.0')
export class Fan { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ type: 'integer' }) clubId!: number; @Index() @Column({ length: 9 }) name!: string
  @Column({ type: 'integer' }) seat!: number; @ManyToOne(() => Club) @JoinColumn({ name: 'clubId' }) club!: Club }`,
  )
  expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
  await app.use('v1', async (dataSource) => {
    await dataSource.runMigrations()
    await dataSource.query('insert into club values (7)')
    await dataSource.query(`insert into fan (id, "clubId", name) values (1, 7, 'a'), (2, 7, 'b')`)
  })
  expect(await app.generate('v2', 'migrations/Second', '--progressive')).toMatchObject({ code: 0, err: '' })
  await app.fill([[/toBeWritten\(.*\)/, '(row) => ({ seat: row.id })']])
  expect(await app.compile()).toBe('')
  const [, , online, contract] = Object.values(await app.files('migrations'))
  expect(online).toContain('transaction = false')
  expect(online!.match(/NOT VALID|CREATE (UNIQUE )?INDEX CONCURRENTLY/g)).toHaveLength(4)
  // Each with its reason, and none without.
  const reasons =
    /\/\/ (Refuses to go on|Statistics of|"\w+": (a check is validated|its index is built|built|present rows))/
  const comments = online!.split('\n').filter((line) => /^\s+\/\/ /.test(line))
  expect(comments.filter((line) => reasons.test(line))).toEqual(comments)
  expect(comments).toHaveLength(6)
  expect(contract).not.toMatch(/CREATE (UNIQUE )?INDEX|UNIQUE \(|`ALTER TABLE "fan" ADD CONSTRAINT "FK/)

  await app.use('v2', (dataSource) => expect(dataSource.runMigrations()).rejects.toThrow('GATE_SHUT'))
  expect(await app.command('run', 'fan@2.0.0')).toMatchObject({ code: 0 })
  await app.use('v2', async (dataSource) => {
    // What an earlier attempt may have left: an index that is not valid, and a check.
    const name = /CREATE UNIQUE INDEX CONCURRENTLY ("\w+")/.exec(online!)![1]!
    await dataSource.query(`create index ${name} on fan (id)`)
    await dataSource.runMigrations()
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
    expect(
      await dataSource.query(`select conname from pg_constraint where conrelid = 'fan'::regclass and contype = 'c'`),
    ).toEqual([])
    for (let i = 0; i < 3; i++) await dataSource.undoLastMigration()
  })
  await app.use('v1', async (dataSource) => {
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
  })
})

typeormTestOn(
  ['postgres'],
  'a progressive contract says what it cannot prepare, because columns get their names in it',
  async (database) => {
    const app = await ChangingApp.create(database, {}, { migrationsTransactionMode: 'each' })
    await app.entities(
      'v1',
      `@Entity() @SchemaVersion('1.0.0')
export class Fan { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 9 }) name!: string }`,
    )
    await app.entities(
      'v2',
      `@Entity() @SchemaVersion('2.0.0')
export class Fan { @PrimaryColumn({ type: 'integer' }) id!: number; @Index() @Column({ length: 9 }) title!: string
  @Column({ type: 'integer' }) seat!: number }`,
    )
    expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
    await app.use('v1', async (dataSource) => {
      await dataSource.runMigrations()
      await dataSource.query(`insert into fan (id, name) values (1, 'a'), (2, 'b')`)
    })
    const args = ['--progressive', '--rename', 'name:title']
    expect(await app.generate('v2', 'migrations/Second', ...args)).toMatchObject({ code: 0, err: '' })
    await app.fill([[/toBeWritten\(.*\)/, '(row) => ({ seat: row.id })']])
    expect(await app.compile()).toBe('')
    const files = Object.values(await app.files('migrations'))
    // First, expand, contract: nothing stands between the two.
    expect(files).toHaveLength(3)
    expect(files[2]).toContain('// Built while writers wait: columns of "fan" get their names in this migration only.')

    await app.use('v2', (dataSource) => expect(dataSource.runMigrations()).rejects.toThrow('GATE_SHUT'))
    expect(await app.command('run', 'fan@2.0.0')).toMatchObject({ code: 0 })
    await app.use('v2', async (dataSource) => {
      await dataSource.runMigrations()
      expect(await dataSource.query('select * from fan order by id')).toEqual([
        { id: 1, title: 'a', seat: 1 },
        { id: 2, title: 'b', seat: 2 },
      ])
      expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
      for (let i = 0; i < 2; i++) await dataSource.undoLastMigration()
    })
    await app.use('v1', async (dataSource) => {
      expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
      expect(await dataSource.query('select * from fan order by id')).toEqual([
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ])
    })
  },
)

typeormTest('names follow the data source: prefix, schema, and columns as they are called', async (database) => {
  const isPostgres = database.name === 'postgres'
  if (isPostgres) await (await database.connect()).query('create schema shop')
  const app = await ChangingApp.create(
    database,
    {
      town: `export const town = defineVersions('Town')
  .version('1.0.0', { id: 'integer', fullName: 'text' })
  .version('2.0.0', { id: 'integer', shortName: 'text' }, {
    upgrade: (row) => ({ shortName: row.fullName.slice(0, 2) }),
    downgrade: (row) => ({ fullName: row.shortName + '...' }),
  })
`,
    },
    { entityPrefix: 'app_', ...(isPostgres && { schema: 'shop' }) },
  )
  await app.entities(
    'v1',
    `@Entity() @SchemaVersion('1.0.0')
export class Town { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 20 }) fullName!: string }`,
  )
  await app.entities(
    'v2',
    `@Entity() @SchemaVersion('2.0.0', { of: town })
export class Town { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ name: 'short', length: 20 }) shortName!: string }`,
  )
  const table = isPostgres ? 'shop.app_town' : 'app_town'
  expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
  await app.use('v1', async (dataSource) => {
    await dataSource.runMigrations()
    await dataSource.query(`insert into ${table} values (1, 'Porto')`)
  })
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
  expect(await app.compile()).toBe('')
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    expect(await dataSource.query(`select * from ${table}`)).toEqual([{ id: 1, short: 'Po' }])
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
    await dataSource.undoLastMigration()
    expect(await dataSource.query(`select * from ${table}`)).toEqual([{ id: 1, fullName: 'Po...' }])
  })
})

typeormTest('adopting a table that is as the code says records its version and nothing else', async (database) => {
  const app = await ChangingApp.create(database, versions)
  await app.entities('v1', first)
  await app.use('v1', async (dataSource) => {
    await dataSource.synchronize()
    await dataSource.query(`insert into city (id, name) values (1, 'Porto')`)
  })
  expect(await app.generate('v1', '--check')).toMatchObject({ code: 1 })
  expect(await app.generate('v1', 'migrations/Adopt')).toMatchObject({ code: 0, err: '' })
  expect(Object.keys(await app.files('backfills'))).toEqual([])
  const [text] = Object.values(await app.files('migrations'))
  expect(text!.match(/await .*/g)).toEqual([
    `await recordVersion(queryRunner, 'city', '1.0.0', this.name)`,
    `await recordVersion(queryRunner, 'city', undefined)`,
  ])
  await app.use('v1', (dataSource) => dataSource.runMigrations())
  expect(await app.generate('v1', '--check')).toMatchObject({ code: 0 })
  await app.use('v1', async (dataSource) => {
    await dataSource.undoLastMigration()
    expect(await dataSource.query('select * from city')).toEqual([{ id: 1, name: 'Porto' }])
  })
  expect(await app.generate('v1', '--check')).toMatchObject({ code: 1 })
})

typeormTest('names follow a naming strategy, in the migration and in the definition', async (database) => {
  const app = await ChangingApp.create(database, {
    town: `export const town = defineVersions('Town')
  .version('1.0.0', { id: 'integer', fullName: 'text' })
  .version('2.0.0', { id: 'integer', shortName: 'text' }, {
    upgrade: (row) => ({ shortName: row.fullName.slice(0, 2) }),
    downgrade: (row) => ({ fullName: row.shortName + '...' }),
  })
`,
  })
  const strategy = `new (class extends DefaultNamingStrategy {
    override columnName(property: string, name: string | undefined, prefixes: string[]): string {
      return [...prefixes, name || property].join('_').replace(/[A-Z]/g, (letter) => '_' + letter.toLowerCase())
    }
  })()`
  const entities = async (version: string, text: string) => {
    await app.entities(version, text)
    const file = join(app.folder, version, 'data-source.ts')
    const plain = await readFile(file, 'utf8')
    const named = plain
      .replace('{ DataSource }', '{ DataSource, DefaultNamingStrategy }')
      .replace('migrations:', `namingStrategy: ${strategy},\n  migrations:`)
    await writeFile(file, named)
  }
  const town = (version: string, property: string) => `@Entity() @SchemaVersion(${version})
export class Town { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 20 }) ${property}!: string }`
  await entities('v1', town(`'1.0.0'`, 'fullName'))
  await entities('v2', town(`'2.0.0', { of: town }`, 'shortName'))
  expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
  await app.use('v1', async (dataSource) => {
    await dataSource.runMigrations()
    await dataSource.query(`insert into town (id, full_name) values (1, 'Porto')`)
  })
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
  expect(await app.compile()).toBe('')
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    expect(await dataSource.query('select * from town')).toEqual([{ id: 1, short_name: 'Po' }])
    await dataSource.undoLastMigration()
    expect(await dataSource.query('select * from town')).toEqual([{ id: 1, full_name: 'Po...' }])
  })
})

typeormTest(
  'the file says which builds keep writers waiting, and which values stay on the way back',
  async (database) => {
    const optional = first.replace('{ length: 100 }', '{ length: 100, nullable: true }')
    const app = await cities(database, first.replace('1.0.0', '2.0.0'), {}, optional)
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
    const text = Object.values(await app.files('migrations')).at(-1)!
    expect(text).toContain(
      '// "name": values that took the place of NULL stay, unless the run kept a journal.\n    await undo(',
    )
    expect(text.includes('// Built while writers wait')).toBe(database.name === 'postgres')
  },
)

typeormTest('statistics are made anew once the rows are filled', async (database) => {
  const app = await cities(database, second, { migrationsTransactionMode: 'each' })
  expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
  const statement = { sqlite: 'ANALYZE "city"', postgres: 'ANALYZE "city"', mariadb: 'ANALYZE TABLE \\`city\\`' }
  const text = Object.values(await app.files('migrations')).at(-1)!
  expect(text.indexOf(statement[database.name])).toBeGreaterThan(text.indexOf('await backfill('))
  await app.use('v2', async (dataSource) => {
    await dataSource.runMigrations()
    // Of InnoDB's own there are some for every table, and the statement tells no time.
    if (database.name === 'mariadb') return
    const [row] = await dataSource.query(
      database.name === 'postgres'
        ? `select count(*) as n from pg_stats where schemaname = current_schema() and tablename = 'city' and attname = 'slug'`
        : `select count(*) as n from sqlite_stat1 where tbl = 'city'`,
    )
    expect(Number(row.n)).toBe(1)
  })
})

typeormTestOn(
  ['mariadb'],
  'columns and indexes are asked for by the algorithm that lets writers go on',
  async (database) => {
    const app = await cities(
      database,
      second.replace('@Column({ length: 100 }) slug', '@Index() @Column({ length: 100 }) slug'),
    )
    expect(await app.generate('v2', 'migrations/Second')).toMatchObject({ code: 0, err: '' })
    const text = Object.values(await app.files('migrations')).at(-1)!
    const pattern = /(ADD|DROP COLUMN|CHANGE|CREATE INDEX) .*?(ALGORITHM=\w+)?,?( ?LOCK=NONE)?`[,)]$/gm
    const asked = [...text.matchAll(pattern)]
    expect(asked.map(([, verb, algorithm = '', lock = '']) => `${verb} ${algorithm}${lock}`)).toEqual([
      'ADD ALGORITHM=INSTANT',
      'CHANGE ALGORITHM=INPLACE LOCK=NONE',
      'CREATE INDEX ALGORITHM=INPLACE LOCK=NONE',
      'CHANGE ALGORITHM=INPLACE LOCK=NONE',
      'DROP COLUMN  LOCK=NONE',
    ])
    expect(text).toContain('// Writers go on; a table that cannot be changed so is refused and stays as it is.')
    await app.use('v2', async (dataSource) => {
      await dataSource.runMigrations()
      expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([])
      await dataSource.undoLastMigration()
    })
  },
)
