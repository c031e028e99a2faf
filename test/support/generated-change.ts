import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { promisify } from 'node:util'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { loadModule } from '../../src/adapters/load-module.js'
import { CliProject, configText } from './cli-project.js'
import { type DatabaseName, type TestDatabase, typeormTestOn } from './databases.js'
import { capture, type Outcome, runRowshift } from './rowshift-command.js'
import { runTypeorm, type Typeorm } from './typeorm-command.js'

const repository = join(__dirname, '../..')
const biome = join(repository, 'node_modules/.bin/biome')
const execute = promisify(execFile)

/** Rows of one table. */
type Rows = readonly Readonly<Record<string, unknown>>[]
type Tables = Readonly<Record<string, Rows>>

/** A change of entities, and what must have become of the rows when its generated migrations have run. */
export interface Change {
  readonly title: string
  /** `versions/<name>.ts`: the registries that entities name with `of`, without their import. */
  readonly versions?: Readonly<Record<string, string>>
  /** The entity classes of the old and of the new version, without imports. */
  readonly before: string
  readonly after: string
  /** Rows that are there before. */
  readonly rows: Tables
  /** All rows after `up`. */
  readonly expected: Tables
  /** All rows after `down`; default: as they were. `irreversible`: it must refuse, and change nothing. */
  readonly reverted?: Tables | 'irreversible'
  /** The database that writes the whole table anew for it, which the migration says. */
  readonly isRewrittenOn?: DatabaseName
  /** Besides the path: `['--rename', 'name:title']`. */
  readonly args?: readonly string[]
  /** What a user writes into the generated definitions. */
  readonly fill?: readonly (readonly [from: string | RegExp, to: string])[]
  /** What a user writes into the generated migration. */
  readonly edit?: readonly (readonly [from: string | RegExp, to: string])[]
  readonly only?: readonly DatabaseName[]
}

const imports = `import 'reflect-metadata'
import * as typeorm from 'typeorm'
import { SchemaVersion } from 'rowshift'
const { Check, ChildEntity, Column, CreateDateColumn, Entity, Index, JoinColumn, JoinTable, ManyToOne, PrimaryColumn } = typeorm
const { ManyToMany, PrimaryGeneratedColumn, TableInheritance, Tree, TreeChildren, TreeParent, Unique } = typeorm
`

/**
 * An application at two versions, `v1` and `v2`, with a database and a folder of migrations that they share. Everything happens in
 * this process: a child for each of the commands would take a minute a change.
 */
export class ChangingApp {
  private constructor(
    readonly database: TestDatabase,
    readonly folder: string,
    private readonly project: CliProject,
    private readonly dataSource: string,
  ) {}

  static async create(
    database: TestDatabase,
    versions: Readonly<Record<string, string>> = {},
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<ChangingApp> {
    const project = await CliProject.createEmpty({
      'rowshift.config.ts': configText.replace('./src/data-source.ts', './v2/data-source.ts'),
      ...Object.fromEntries(
        Object.entries(versions).map(([name, text]) => [
          `versions/${name}.ts`,
          `import { defineVersions, json } from 'rowshift'\nvoid json\n${text}`,
        ]),
      ),
    })
    const text = JSON.stringify({ ...database.dataSourceOptions(), ...options })
    const dataSource = `import { join } from 'node:path'
import { DataSource } from 'typeorm'
import * as entities from './entities'
export const dataSource = new DataSource({
  ...${text},
  entities: Object.values(entities),
  migrations: [join(__dirname, '../migrations/*' + (__filename.endsWith('.ts') ? '.ts' : '.js'))],
} as never)
`
    await mkdir(join(project.folder, 'node_modules/@types'))
    await symlink(join(repository, 'node_modules/@types/node'), join(project.folder, 'node_modules/@types/node'))
    return new ChangingApp(database, project.folder, project, dataSource)
  }

  /** Gives the application a formatter, with settings that nothing is written by on its own. */
  async useFormatter(): Promise<void> {
    const formatter = { indentStyle: 'tab', lineWidth: 90 }
    const javascript = { formatter: { quoteStyle: 'double', semicolons: 'always' } }
    await this.project.write({ 'biome.json': JSON.stringify({ root: true, formatter, javascript }) })
    await mkdir(join(this.folder, 'node_modules/.bin'))
    await symlink(biome, join(this.folder, 'node_modules/.bin/biome'))
  }

  /** What the application's formatter has to say about what was generated. */
  formatted(): Promise<string> {
    const folders = ['migrations', 'backfills'].filter((folder) => existsSync(join(this.folder, folder)))
    return refusals(execute(biome, ['format', ...folders], { cwd: this.folder }))
  }

  /** The entities of a version, with the imports of the registries they name. */
  async entities(version: string, text: string): Promise<void> {
    const registries = [...text.matchAll(/of: (\w+)/g)].map((match) => match[1]!)
    const used = [...new Set(registries)].map((name) => `import { ${name} } from '../versions/${name}'\n`).join('')
    await this.project.write({
      [`${version}/entities.ts`]: `${imports}${used}${text}`,
      [`${version}/data-source.ts`]: this.dataSource,
    })
  }

  /** `rowshift generate` as at a version of the application. */
  generate(version: string, ...args: readonly string[]): Promise<Outcome> {
    return this.command('generate', '-d', `${version}/data-source.ts`, ...args)
  }

  /** Any command of rowshift, on `v2`. */
  command(...args: readonly string[]): Promise<Outcome> {
    return runRowshift(this.folder, args)
  }

  /** `rowshift generate` on `v2` at a terminal, where somebody types an answer to every question. */
  generateAtTerminal(answer: string, ...args: readonly string[]): Promise<Outcome> {
    const stdin = Object.assign(new PassThrough(), { isTTY: true })
    const questions = capture((text) => {
      if (/\? \(y\/N\) $/.test(text)) stdin.write(`${answer}\n`)
    })
    const typed = stdin as unknown as NodeJS.ReadStream
    return runRowshift(this.folder, ['generate', ...args], {
      streams: [capture(undefined, true), questions],
      stdin: typed,
    })
  }

  /** The application's data source, as `typeorm migration:run -d` would open it. */
  async use<T>(version: string, task: (dataSource: DataSource) => Promise<T>): Promise<T> {
    const exports = await loadModule(join(this.folder, version, 'data-source.ts'))
    const dataSource = exports.dataSource as DataSource
    await dataSource.initialize()
    try {
      return await task(dataSource)
    } finally {
      await dataSource.destroy()
    }
  }

  /** The texts of a folder's files, by name, oldest first. */
  async files(folder: string): Promise<Readonly<Record<string, string>>> {
    const names = await readdir(join(this.folder, folder)).catch(() => [] as string[])
    const texts = await Promise.all(names.sort().map((name) => readFile(join(this.folder, folder, name), 'utf8')))
    return Object.fromEntries(names.map((name, i) => [name, texts[i]!]))
  }

  async fill(
    texts: readonly (readonly [from: string | RegExp, to: string])[],
    folder: 'backfills' | 'migrations' = 'backfills',
  ): Promise<void> {
    for (const [name, text] of Object.entries(await this.files(folder))) {
      const filled = texts.reduce((current, [from, to]) => current.replace(from, () => to), text)
      await writeFile(join(this.folder, folder, name), filled)
    }
  }

  /** `typeorm migration:run` or `migration:revert`, on what `emit` has compiled. */
  typeorm(
    version: string,
    command: 'migration:run' | 'migration:revert',
    ...args: readonly string[]
  ): Promise<Typeorm> {
    return runTypeorm(this.folder, [command, '-d', `out/${version}/data-source.js`, ...args])
  }

  /** Compiles all of it, as strictly as TypeScript can, and gives the errors. */
  compile(): Promise<string> {
    return this.tsc(['--noEmit'])
  }

  /** Compiles into `out`, for commands that know no TypeScript. */
  async emit(modules: ModuleOptions = {}): Promise<void> {
    expect(await this.tsc(['--outDir', 'out', '--rootDir', '.'], modules)).toBe('')
  }

  private async tsc(args: readonly string[], modules: ModuleOptions = {}): Promise<string> {
    const compilerOptions = {
      target: 'es2022',
      module: 'commonjs',
      moduleResolution: 'bundler',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noUnusedLocals: false,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      skipLibCheck: true,
      types: ['node'],
      ...modules,
    }
    await this.project.write({
      'tsconfig.json': JSON.stringify({
        compilerOptions,
        include: ['v1', 'v2', 'versions', 'backfills', 'migrations'],
      }),
    })
    const tsc = join(repository, 'node_modules/.bin/tsc')
    return refusals(execute(tsc, ['-p', this.folder, ...args], { cwd: this.folder }))
  }
}

/** Nothing, or what a command that failed has printed. */
function refusals(command: Promise<unknown>): Promise<string> {
  return command.then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
  )
}

/** Other modules than CommonJS, as in tsconfig.json. */
type ModuleOptions = { readonly module?: string; readonly moduleResolution?: string }

/** Tests a change: generated, compiled, run by the stock command on a table with rows, compared, reverted, compared. */
export function testChange(change: Change): void {
  const names = change.only ?? (['sqlite', 'postgres', 'mariadb'] as const)
  typeormTestOn(names, change.title, async (database) => {
    const app = await ChangingApp.create(database, change.versions)
    // Once for each change: how a file is formatted is the same whatever the database.
    const isFormatted = database.name === names[0]
    if (isFormatted) await app.useFormatter()
    await app.entities('v1', change.before)
    await app.entities('v2', change.after)
    expect(await app.generate('v1', 'migrations/First')).toMatchObject({ code: 0, err: '' })
    await app.use('v1', async (dataSource) => {
      await dataSource.runMigrations()
      for (const [table, rows] of Object.entries(change.rows)) await insert(dataSource, table, rows)
    })
    const generated = await app.generate('v2', 'migrations/Second', ...(change.args ?? []))
    expect(generated, generated.err).toMatchObject({ code: 0, err: '' })
    if (isFormatted) expect(await app.formatted()).toBe('')
    const second = Object.values(await app.files('migrations')).at(-1)!
    expect(second.includes('writes the whole table anew')).toBe(change.isRewrittenOn === database.name)
    // Said when it is generated, in the file, and by the call that comes first there.
    const isIrreversible = change.reverted === 'irreversible'
    expect(generated.out.includes('not reversible')).toBe(isIrreversible)
    const refusal = /\bdown\(.*\{\n\s*\/\/ .* (gone|brought back).*\n\s*(refuseLoss|requireReversible)\(/
    expect(refusal.test(second)).toBe(isIrreversible)
    if (change.fill) await app.fill(change.fill)
    if (change.edit) await app.fill(change.edit, 'migrations')
    await app.emit()

    const before = await app.use('v2', (dataSource) => read(dataSource, change.rows))
    const run = await app.typeorm('v2', 'migration:run')
    expect(run, run.out).toMatchObject({ code: 0 })
    await app.use('v2', async (dataSource) => {
      expect(await read(dataSource, change.expected)).toEqual(change.expected)
      const left = await dataSource.driver.createSchemaBuilder().log()
      expect(left.upQueries).toEqual([])
    })

    const reverted = await app.typeorm('v2', 'migration:revert')
    await app.use('v2', async (dataSource) => {
      if (change.reverted === 'irreversible') {
        expect(reverted, reverted.out).toMatchObject({ code: 1, out: expect.stringContaining('IRREVERSIBLE') })
        expect(await read(dataSource, change.expected)).toEqual(change.expected)
        return
      }
      expect(reverted, reverted.out).toMatchObject({ code: 0 })
      expect(await read(dataSource, change.rows)).toEqual(change.reverted ?? before)
    })
    // What was reverted is the old version to the letter.
    if (change.reverted === 'irreversible') return
    await app.use('v1', async (dataSource) => {
      const left = await dataSource.driver.createSchemaBuilder().log()
      expect(left.upQueries).toEqual([])
    })
  })
}

/** Inserted as they are: the entities may be of another version. */
async function insert(dataSource: DataSource, table: string, rows: Rows): Promise<void> {
  for (const row of rows) {
    const quoted = Object.keys(row).map((name) => dataSource.driver.escape(name))
    const marks = quoted.map((_, i) => (dataSource.options.type === 'postgres' ? `$${i + 1}` : '?'))
    const values = Object.values(row).map((value) =>
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
    )
    await dataSource.query(
      `insert into ${dataSource.driver.escape(table)} (${quoted.join(', ')}) values (${marks.join(', ')})`,
      values,
    )
  }
}

/** The rows of tables, in the order of the first column, as plain values. */
async function read(dataSource: DataSource, tables: Tables): Promise<Tables> {
  const result: Record<string, Rows> = {}
  for (const table of Object.keys(tables)) {
    const rows: Record<string, unknown>[] = await dataSource.query(`select * from ${dataSource.driver.escape(table)}`)
    rows.sort((a, b) => (JSON.stringify(Object.values(a)) < JSON.stringify(Object.values(b)) ? -1 : 1))
    result[table] = rows.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])),
    )
  }
  return result
}

/** JSON as drivers give it: parsed or as text. */
function plain(value: unknown): unknown {
  return typeof value === 'string' && /^[{[]/.test(value) ? (JSON.parse(value) as unknown) : value
}
