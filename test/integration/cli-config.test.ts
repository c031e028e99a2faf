import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createCities, readCities } from '../support/city-table.js'
import { CliProject, citySlugText, configText, configTextFor } from '../support/cli-project.js'
import { type AdapterName, contractTestOn, prismaTestOn, typeormTestOn } from '../support/databases.js'

const entityText = `import 'reflect-metadata'
import { Column, Entity, PrimaryColumn } from 'typeorm'
import type { Length } from '@/length'

@Entity()
export class City {
  @PrimaryColumn()
  id!: number

  @Column({ type: 'text' })
  name!: string

  @Column({ type: 'text', nullable: true })
  slug?: Length extends 1 ? never : string | null
}
`

typeormTestOn(['sqlite'], 'rowshift init writes a config that works, and overwrites nothing', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const project = await CliProject.create(database)
  expect(await project.run(['init'])).toEqual({
    code: 0,
    stdout: [
      'created  rowshift.config.ts  database: src/data-source.ts',
      'created  src/backfills/',
      'Next: define a backfill in src/backfills/, then rowshift run <name>',
      '',
    ].join('\n'),
    stderr: '',
  })
  expect((await project.run(['status'])).stdout).toContain(
    'Nothing that src/backfills/*.ts matches exports a definition.',
  )

  await project.write({ 'src/backfills/city-slug.ts': citySlugText() })
  expect((await project.json(['run', 'city.slug'])).code).toBe(0)
  expect((await readCities(dataSource))[9]).toMatchObject({ slug: 'city-10' })

  await project.write({ 'rowshift.config.ts': `${configText}// mine\n` })
  expect(await project.json(['init'])).toEqual({
    code: 0,
    document: { created: [], kept: ['rowshift.config.ts'], dataSource: 'src/data-source.ts', schema: null },
  })
  expect(await readFile(join(project.folder, 'rowshift.config.ts'), 'utf8')).toBe(`${configText}// mine\n`)
})

test('rowshift init says so when it finds no data source', async () => {
  const project = await CliProject.createEmpty({ 'ormconfig.ts': 'export default { type: "postgres" }' })
  const { code, stdout } = await project.run(['init'])
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('no data source of TypeORM and no schema of Prisma found'),
  })
  expect(await readFile(join(project.folder, 'rowshift.config.ts'), 'utf8')).toContain(
    '// The file that exports your DataSource',
  )
  expect(await readdir(project.folder)).toContain('backfills')
  expect(await project.json(['status'])).toMatchObject({
    code: 2,
    document: { error: { code: 'INVALID_CONFIG', message: expect.stringContaining('src/data-source.ts') } },
  })
})

const providers = { sqlite: 'sqlite', postgres: 'postgresql', mariadb: 'mysql' } as const

prismaTestOn(['sqlite', 'postgres', 'mariadb'], 'rowshift init writes a config for the schema', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const project = await CliProject.create(database, {
    'prisma/schema.prisma': `generator rowshift {\n  provider = "rowshift-prisma"\n  output   = "../generated/rowshift.ts"\n}
datasource db {\n  provider = "${providers[database.name]}"\n}\n`,
    'generated/rowshift.ts': `export const registry = { format: 1, provider: 'sqlite', models: {}, enums: {} } as const`,
    'prisma/migrations/1_city/backfill.ts': citySlugText(),
  })
  expect(await project.json(['init'])).toEqual({
    code: 0,
    document: {
      created: ['rowshift.config.ts', 'src/backfills/'],
      kept: [],
      dataSource: null,
      schema: 'prisma/schema.prisma',
    },
  })
  const env = { DATABASE_URL: database.name === 'sqlite' ? `file:${database.url}` : database.url }
  expect(await project.json(['run', 'city.slug'], { env })).toMatchObject({ code: 0 })
  expect((await readCities(dataSource))[9]).toMatchObject({ slug: 'city-10' })
  expect(await readFile(join(project.folder, 'rowshift.config.ts'), 'utf8')).toContain(
    `import { registry } from './generated/rowshift'`,
  )
})

contractTestOn(['sqlite'], 'a config is found from a subfolder, and its paths are relative to it', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const orm = database.adapter
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': citySlugText(),
    'src/deep/er/file.ts': '',
    'config/rowshift.config.mjs': `export default {
      database: (await import('rowshift/${orm}')).${orm}('../src/data-source.ts'),
      backfills: ['../backfills'],
    }`,
    'cjs/rowshift.config.cjs': `const { ${orm} } = require('rowshift/${orm}')
      module.exports = { database: ${orm}('../src/data-source.ts'), backfills: '../backfills/*.{ts,js}' }`,
  })
  expect((await project.json(['verify', 'city.slug'], { cwd: 'src/deep/er' })).document).toMatchObject({
    remaining: 10,
  })
  for (const file of ['config/rowshift.config.mjs', 'cjs/rowshift.config.cjs']) {
    expect((await project.json(['verify', 'city.slug', '--config', file])).document).toMatchObject({ remaining: 10 })
    expect((await project.json(['-c', file, 'verify', 'city.slug'])).document).toMatchObject({ remaining: 10 })
  }
  expect((await project.json(['run', 'city.slug'], { cwd: 'src/deep/er' })).code).toBe(0)
})

typeormTestOn(['sqlite'], 'entities may be decorated TypeScript that TypeORM finds by a glob', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configText,
    'tsconfig.json': JSON.stringify({ compilerOptions: { paths: { '@/*': ['./src/*'] } } }),
    'src/length.ts': 'export type Length = number\nexport const batchRows: number = 5',
    'src/entities/city.ts': entityText,
    // Nothing but the glob leads to it.
    'src/entities/town.ts': entityText.replace('class City', 'class Town'),
    'backfills/city-slug.ts': citySlugText()
      .replace(`table: 'city'`, 'table: City')
      .replace(`name: 'text'`, 'name: true')
      .replace(`slug: 'text'`, 'slug: true')
      .replace('batchRows: 100', 'batchRows')
      .replace('\n\n', `\nimport { batchRows } from '@/length'\nimport { City } from '../src/entities/city.js'\n\n`),
  })
  const options = { ...database.dataSourceOptions(), entities: ['src/entities/*.ts'] }
  await project.write({
    'src/data-source.ts': `import { DataSource } from 'typeorm'
      const dataSource: DataSource = new DataSource(${JSON.stringify(options)} as never)
      export default dataSource`,
  })
  expect(await project.json(['run', 'city.slug'])).toMatchObject({ code: 0, document: { counts: { written: 10 } } })
  expect((await readCities(dataSource))[9]).toMatchObject({ slug: 'city-10' })
})

typeormTestOn(['sqlite', 'postgres'], 'opening the data source changes no schema', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 10)
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configText,
    'backfills/city-slug.ts': citySlugText(),
    'src/town.ts': entityText.replace('class City', 'class Town').replace(/.*@\/length.*/, 'type Length = number'),
  })
  const options = JSON.stringify({ ...database.dataSourceOptions(), synchronize: true, dropSchema: true })
  await project.write({
    'src/data-source.ts': `import { DataSource } from 'typeorm'
      import { Town } from './town'
      export const dataSource = new DataSource({ ...${options}, entities: [Town] } as never)`,
  })
  expect(await project.json(['verify', 'city.slug'])).toMatchObject({ code: 1, document: { remaining: 10 } })
  await expect(dataSource.query('select * from town')).rejects.toThrow(/town/)
})

typeormTestOn(
  ['sqlite'],
  'with --json standard output is one document, whatever the application logs',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 10)
    const project = await CliProject.create(database, {
      'rowshift.config.ts': `console.log('loading the config')\n${configText}`,
      'backfills/city-slug.ts': `console.info('loading a definition')\n${citySlugText({ waitAt: 5 })}`,
      go: '',
    })
    const options = JSON.stringify({ ...database.dataSourceOptions(), logging: true })
    await project.write({
      'src/data-source.ts': `import { DataSource } from 'typeorm'
      process.stdout.write('loading the data source')
      export const dataSource = new DataSource(${options} as never)`,
    })
    const { stdout, stderr } = await project.runAlone(['run', 'city.slug', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ status: 'completed' })
    expect(stderr).toContain('loading the config')
    for (const command of [
      'status',
      'failures city.slug',
      'verify city.slug',
      'work',
      'pause city.slug',
      'cancel city.slug',
      'resume x',
      'init',
    ])
      expect(Object(await project.json(command.split(' '))).document).toBeTypeOf('object')
  },
)

contractTestOn(['sqlite'], 'a name that is not defined is a mistake, with the one that was meant', async (database) => {
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': citySlugText(),
  })
  for (const command of ['run', 'verify', 'failures', 'pause', 'resume', 'cancel']) {
    expect(await project.json([command, 'city.slgu']), command).toEqual({
      code: 2,
      document: {
        error: {
          code: 'UNKNOWN_BACKFILL',
          message: 'UNKNOWN_BACKFILL: no backfill is named "city.slgu". Did you mean "city.slug"?',
          details: { backfill: 'city.slgu', known: ['city.slug'] },
        },
      },
    })
  }
  expect(await project.run(['run', 'city.slgu'])).toEqual({
    code: 2,
    stdout: '',
    stderr: 'UNKNOWN_BACKFILL: no backfill is named "city.slgu". Did you mean "city.slug"?\n',
  })
  // It is defined, and there is nothing to pause.
  expect(await project.json(['pause', 'city.slug'])).toMatchObject({
    code: 1,
    document: { error: { code: 'RUN_NOT_FOUND' } },
  })
})

contractTestOn(['sqlite'], 'two definitions of one name are a mistake that names both files', async (database) => {
  const project = await CliProject.create(database, {
    'rowshift.config.ts': configTextFor(database),
    'backfills/city-slug.ts': citySlugText(),
    // The same but for its function: a copied file whose name was forgotten.
    'backfills/town-slug.ts': citySlugText({ failAt: [1] }),
  })
  for (const command of [['run', 'city.slug'], ['work'], ['status'], ['verify', 'city.slug']]) {
    expect(await project.json(command)).toMatchObject({
      code: 2,
      document: {
        error: {
          code: 'DUPLICATE_BACKFILL',
          message: expect.stringContaining('one in backfills/city-slug.ts, one in backfills/town-slug.ts. Rename one'),
        },
      },
    })
  }
  await project.write({ 'backfills/town-slug.ts': `export { citySlug as again } from './city-slug.js'` })
  expect((await project.json(['status'])).document).toMatchObject({ backfills: [{ backfill: 'city.slug' }] })
})

/** A config, made of the one that works. */
type Mistaken = (works: string, adapter: AdapterName) => string

const bareConnection = {
  typeorm: `import { DataSource } from 'typeorm'
    export default { database: new DataSource({ type: 'better-sqlite3', database: 'x.db' }), backfills: '*' }`,
  prisma: `import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
    export default { database: new PrismaBetterSqlite3({ url: 'file:x.db' }), backfills: '*' }`,
}

const configMistakes: readonly (readonly [mistake: string, config: Mistaken, message: string | RegExp])[] = [
  ['cannot be compiled', () => 'export default {{', 'the configuration rowshift.config.ts could not be loaded: '],
  ['throws', () => `throw new Error('no .env')`, 'the configuration rowshift.config.ts could not be loaded: no .env'],
  [
    'exports nothing',
    () => 'const config = 1',
    'rowshift.config.ts has no default export. Export `default defineConfig({',
  ],
  [
    'has no database',
    () => `export default { backfills: '*' }`,
    '`database` must be what `typeorm()` or `prisma()` returns. Export `default',
  ],
  [
    'has a bare connection',
    (_, adapter) => bareConnection[adapter],
    /Wrap the (data source: `typeorm\(dataSource\)|driver adapter: `prisma\(adapter\))`\./,
  ],
  ['has no globs', (works) => works.replace(`'backfills/*.ts'`, '[]'), '`backfills` names no files.'],
  [
    'has an unknown option',
    (works) => works.replace('backfills:', 'backfils:'),
    'there is no option `backfils`. Did you mean "backfills"?',
  ],
  [
    'has something else for a glob',
    (works) => works.replace(`'backfills/*.ts'`, '[1]'),
    'neither a glob nor a definition',
  ],
  [
    'names a file for its database that is not there',
    (works) => works.replace('data-source', 'nowhere'),
    'src/nowhere.ts could not be loaded',
  ],
]

for (const [mistake, config, message] of configMistakes) {
  contractTestOn(['sqlite'], `a config that ${mistake} is told from one that works`, async (database) => {
    const project = await CliProject.create(database, {
      'rowshift.config.ts': config(configTextFor(database), database.adapter),
      'backfills/city-slug.ts': citySlugText(),
    })
    expect(await project.json(['status'])).toMatchObject({
      code: 2,
      document: {
        error: {
          code: 'INVALID_CONFIG',
          message: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
        },
      },
    })
  })
}

contractTestOn(['sqlite'], 'a file of definitions that cannot be loaded is named', async (database) => {
  const project = await CliProject.create(database, { 'rowshift.config.ts': configTextFor(database) })
  await project.write({ 'backfills/broken.ts': `import './nothing.js'` })
  expect(await project.json(['work'])).toMatchObject({
    code: 2,
    document: {
      error: { code: 'INVALID_CONFIG', message: expect.stringContaining('the backfills of backfills/broken.ts') },
    },
  })
  await project.write({ 'backfills/broken.ts': citySlugText().replace(`table: 'city',`, '') })
  expect(await project.json(['work'])).toMatchObject({
    code: 2,
    document: {
      error: { code: 'INVALID_DEFINITION', message: expect.stringMatching(/: backfills\/broken\.ts: .*table/) },
    },
  })
})

contractTestOn(['sqlite'], 'a worker without any definition is a mistake in a glob', async (database) => {
  const project = await CliProject.create(database, { 'rowshift.config.ts': configTextFor(database) })
  expect(await project.json(['work'])).toMatchObject({
    code: 2,
    document: {
      error: {
        code: 'INVALID_CONFIG',
        message: expect.stringContaining('Nothing that backfills/*.ts matches exports a definition.'),
      },
    },
  })
})

test('a folder without a config is told what to do', async () => {
  const project = await CliProject.createEmpty()
  await mkdir(join(project.folder, 'sub'))
  expect(await project.json(['status'], { cwd: 'sub' })).toMatchObject({
    code: 2,
    document: {
      error: {
        code: 'INVALID_CONFIG',
        message: expect.stringMatching(
          /there is no rowshift\.config\.ts in .*sub or above\. `rowshift init` writes one/,
        ),
      },
    },
  })
  expect(await project.json(['status', '--config', 'nowhere.ts'])).toMatchObject({
    code: 2,
    document: { error: { code: 'INVALID_CONFIG', message: expect.stringContaining('nowhere.ts') } },
  })
})

test('a database that cannot be reached is told from a bug', async () => {
  const project = await CliProject.createEmpty({
    'rowshift.config.ts': configText,
    'src/data-source.ts': `import { DataSource } from 'typeorm'
      export const dataSource = new DataSource({ type: 'postgres', host: '127.0.0.1', port: 1, logging: false })`,
  })
  expect(await project.json(['status'])).toMatchObject({
    code: 1,
    document: {
      error: { code: 'DATABASE_UNAVAILABLE', message: expect.stringMatching(/could not be opened: .*ECONNREFUSED/) },
    },
  })
})

const usageMistakes: readonly (readonly [args: readonly string[], message: string])[] = [
  [[], 'name a command. See `rowshift --help`.'],
  [['staus'], `unknown command 'staus'. Did you mean status? See \`rowshift --help\`.`],
  [['run'], `missing required argument 'name'. See \`rowshift run --help\`.`],
  [['run', 'a', 'b'], `too many arguments for 'run'. Expected 1 argument but got 2. See \`rowshift run --help\`.`],
  [['status', '--fast'], `unknown option '--fast'. See \`rowshift status --help\`.`],
  [['failures', 'a', '--limit', '0'], 'Give a whole number from 1. See `rowshift failures --help`.'],
]

for (const [args, message] of usageMistakes) {
  test(`rowshift ${args.join(' ')}: a mistake on the command line exits with 2 and says what to do`, async () => {
    const project = await CliProject.createEmpty()
    const { code, stdout, stderr } = await project.run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(await project.json(args)).toMatchObject({
      code: 2,
      document: { error: { code: 'INVALID_USAGE', message: expect.stringContaining(message) } },
    })
  })
}

test('every command explains itself', async () => {
  const project = await CliProject.createEmpty()
  const { code, stdout } = await project.run(['--help'])
  expect(code).toBe(0)
  const commands = ['init', 'run', 'work', 'status', 'pause', 'resume', 'cancel', 'failures', 'verify']
  for (const command of commands) {
    expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    const help = await project.run([command, '--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const part of [`Usage: rowshift ${command}`, '--json', '--config', 'Examples:', 'Exit codes:'])
      expect(help.stdout).toContain(part)
  }
})
