import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { Child } from './child.js'
import { runRowshift } from './rowshift-command.js'
import type { TestDatabase } from './test-database.js'

const repository = join(__dirname, '../..')

/** Modules that an application has installed. */
const dependencies = ['typeorm', 'reflect-metadata', 'better-sqlite3', 'pg', 'mysql2']
const prismaDependencies = ['client', 'adapter-pg', 'adapter-mariadb', 'adapter-better-sqlite3']

/** How a command ended, and all it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface CommandOptions {
  /** The working directory, in the project; default: the project. */
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** The folder of an application that has installed rowshift, removed when the test has finished. */
export class CliProject {
  private constructor(readonly folder: string) {}

  /** With what leads the test's adapter to its database in `src/data-source.ts`, and the files given by their paths. */
  static async create(database: TestDatabase, files: Readonly<Record<string, string>> = {}): Promise<CliProject> {
    const project = await CliProject.createEmpty(files)
    if (database.adapter === 'prisma') await project.linkPrisma()
    await project.write({ 'src/data-source.ts': dataSourceText(database), ...files })
    return project
  }

  static async createEmpty(files: Readonly<Record<string, string>> = {}): Promise<CliProject> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'rowshift-app-')))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await mkdir(join(folder, 'node_modules'))
    await symlink(inject('packageFolder'), join(folder, 'node_modules/rowshift'))
    for (const name of dependencies)
      await symlink(join(repository, 'node_modules', name), join(folder, 'node_modules', name))
    const project = new CliProject(folder)
    await project.write({ 'package.json': '{}', ...files })
    return project
  }

  /** Installs Prisma's client and driver adapters. */
  async linkPrisma(): Promise<void> {
    await mkdir(join(this.folder, 'node_modules/@prisma'))
    for (const name of prismaDependencies)
      await symlink(join(repository, 'node_modules/@prisma', name), join(this.folder, 'node_modules/@prisma', name))
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true })
      await writeFile(join(this.folder, path), text)
    }
  }

  /** Starts a command, killed at the latest when the test has finished. */
  start(args: readonly string[], options: CommandOptions = {}): Child {
    const child = new Child(this.#spawn(args, options))
    onTestFinished(async () => {
      await child.kill()
    })
    return child
  }

  /** Runs a command to its end, in this process. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const { code, out, err } = await runRowshift(this.folder, args, options)
    return { code, stdout: out, stderr: err }
  }

  /** Runs a command to its end, in a process of its own: for what such a one alone shows. */
  async runAlone(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const child = this.#spawn(args, options)
    child.stdin.end()
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { code, stdout, stderr }
  }

  /** Runs a command with `--json`. @throws when standard output is anything but one JSON document. */
  async json(
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<{ code: number | null; document: unknown }> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options)
    try {
      return { code, document: JSON.parse(stdout) }
    } catch {
      throw new Error(`not one JSON document:\n${stdout}\nstandard error:\n${stderr}`)
    }
  }

  #spawn(args: readonly string[], { cwd = '.', env = {} }: CommandOptions) {
    const main = join(this.folder, 'node_modules/rowshift/dist/cli/main.js')
    const surroundings: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', ...env }
    const options = { cwd: join(this.folder, cwd), env: surroundings, stdio: 'pipe' as const }
    return spawn(process.execPath, [main, ...args], options) as ChildProcessWithoutNullStreams
  }
}

/** A config for `src/data-source.ts` and every file in `backfills`. Batches stay as large as a definition says, however slow the machine is. */
export const configText = `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({ database: typeorm('./src/data-source.ts'), backfills: 'backfills/*.ts', pace: { targetMs: 60_000 } })
`

/** The same through the adapter of the test. */
export const configTextFor = ({ adapter }: TestDatabase): string => configText.replaceAll('typeorm', adapter)

/** What an application exports to lead rowshift to its database: a data source, or a driver adapter of Prisma. */
export function dataSourceText(database: TestDatabase, { port }: { readonly port?: number } = {}): string {
  if (database.adapter === 'typeorm') {
    const options = JSON.stringify(database.dataSourceOptions(port === undefined ? {} : { port }))
    return `import { DataSource } from 'typeorm'\nexport const dataSource = new DataSource(${options})\n`
  }
  const [name, module, options] = driverAdapter(database, port)
  return `import { ${name} } from '@prisma/${module}'\nexport const adapter = new ${name}(${JSON.stringify(options)})\n`
}

/** The class of a driver adapter, its package and what it is made of. */
export function driverAdapter(database: TestDatabase, port?: number) {
  if (database.name === 'sqlite')
    return ['PrismaBetterSqlite3', 'adapter-better-sqlite3', { url: `file:${database.url}` }]
  const { username: user, password, pathname } = new URL(database.url)
  const place = { ...database.server, ...(port !== undefined && { port }), user, password, database: pathname.slice(1) }
  if (database.name === 'postgres') return ['PrismaPg', 'adapter-pg', place] as const
  // The driver opens its connections ahead of time, and waits long for one where there is no server.
  return ['PrismaMariaDb', 'adapter-mariadb', { ...place, minimumIdle: 1, acquireTimeout: 1_000 }] as const
}

/**
 * A definition file for the cities of `createCities`, in batches of 100. At the row `waitAt` the transform writes "waiting" and goes
 * on when the project has a file `go`, or when it is told to give up; it throws for the rows in `failAt`.
 */
export function citySlugText({
  waitAt = 0,
  failAt = [] as readonly number[],
  name = 'city.slug',
  journal = false,
  maxFailures = '1%' as number | string,
} = {}): string {
  return `import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineBackfill } from 'rowshift'

export const citySlug = defineBackfill({
  name: '${name}',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text' },
  where: { slug: null },
  batchRows: 100,
  journal: ${journal},
  maxFailures: ${JSON.stringify(maxFailures)},
  async transform(row, { key, signal }) {
    if (key[0] === '${waitAt}' && !existsSync('go')) {
      console.log('waiting')
      while (!existsSync('go') && !signal.aborted) await sleep(10)
    }
    if (${JSON.stringify(failAt.map(String))}.includes(key[0]!)) throw new Error('no slug for it')
    return { slug: row.name.toLowerCase().replace(' ', '-') }
  },
})
`
}
