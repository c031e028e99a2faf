import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { Child } from './child.js'
import type { TestDatabase } from './test-database.js'

const repository = join(__dirname, '../..')
const execute = promisify(execFile)

/** Modules that an application has installed. */
const dependencies = ['typeorm', 'reflect-metadata', 'better-sqlite3', 'pg', 'mysql2']

let packageFolder: string

/** Compiles the sources as they are now, for the projects of this file's tests. */
export function beforeAllCompilePackage(): void {
  beforeAll(async () => {
    packageFolder = await mkdtemp(join(tmpdir(), 'rowshift-cli-'))
    await cp(join(repository, 'package.json'), join(packageFolder, 'package.json'))
    await symlink(join(repository, 'node_modules'), join(packageFolder, 'node_modules'))
    const tsc = join(repository, 'node_modules/.bin/tsc')
    const args = ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(packageFolder, 'dist')]
    // What it refuses is on standard output, which the error's message leaves out.
    await execute(tsc, args).catch(({ message, stdout }) => Promise.reject(new Error(`${message}${stdout}`)))
    await execute(process.execPath, [join(repository, 'scripts/write-esm-wrappers.mjs'), packageFolder])
  })
  afterAll(() => rm(packageFolder, { recursive: true, force: true }))
}

/** How a command ended, and all it wrote. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The folder of an application that has installed rowshift, removed when the test has finished. */
export class CliProject {
  private constructor(readonly folder: string) {}

  /** With a data source in `src/data-source.ts`, and the files given by their paths. */
  static async create(database: TestDatabase, files: Readonly<Record<string, string>> = {}): Promise<CliProject> {
    const project = await CliProject.createEmpty(files)
    const options = JSON.stringify(database.dataSourceOptions())
    await project.write({
      'src/data-source.ts': `import { DataSource } from 'typeorm'\nexport const dataSource = new DataSource(${options})\n`,
    })
    return project
  }

  static async createEmpty(files: Readonly<Record<string, string>> = {}): Promise<CliProject> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'rowshift-app-')))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    await mkdir(join(folder, 'node_modules'))
    await symlink(packageFolder, join(folder, 'node_modules/rowshift'))
    for (const name of dependencies)
      await symlink(join(repository, 'node_modules', name), join(folder, 'node_modules', name))
    const project = new CliProject(folder)
    await project.write({ 'package.json': '{}', ...files })
    return project
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(this.folder, path)), { recursive: true })
      await writeFile(join(this.folder, path), text)
    }
  }

  /** Starts a command, killed at the latest when the test has finished. */
  start(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Child {
    const child = new Child(this.#spawn(args, options))
    onTestFinished(async () => {
      await child.kill()
    })
    return child
  }

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<Ended> {
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
    options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Promise<{ code: number | null; document: unknown }> {
    const { code, stdout, stderr } = await this.run([...args, '--json'], options)
    try {
      return { code, document: JSON.parse(stdout) }
    } catch {
      throw new Error(`not one JSON document:\n${stdout}\nstandard error:\n${stderr}`)
    }
  }

  #spawn(
    args: readonly string[],
    { cwd = '.', env = {} }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
  ) {
    const main = join(this.folder, 'node_modules/rowshift/dist/cli/main.js')
    const surroundings: NodeJS.ProcessEnv = { ...process.env, NO_COLOR: '1', ...env }
    const options = { cwd: join(this.folder, cwd), env: surroundings, stdio: 'pipe' as const }
    return spawn(process.execPath, [main, ...args], options) as ChildProcessWithoutNullStreams
  }
}

/** A config for `src/data-source.ts` and every file in `backfills`. */
export const configText = `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({ database: typeorm('./src/data-source.ts'), backfills: 'backfills/*.ts' })
`

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
