import { execFile } from 'node:child_process'
import { chmod, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inject, onTestFinished, test } from 'vitest'
import { CliProject, type Ended } from '../cli-project.js'
import { databases } from '../databases.js'
import { type DatabaseName, TestDatabase } from '../test-database.js'

const modules = join(__dirname, '../../../node_modules')
const engine = join(__dirname, 'schema-engine/main.mjs')

/** Where a package of an application is found, by the name it has there. */
const packagesOf = {
  7: {
    prisma: 'prisma',
    '@prisma/client': '@prisma/client',
    '@prisma/adapter-pg': '@prisma/adapter-pg',
    '@prisma/adapter-better-sqlite3': '@prisma/adapter-better-sqlite3',
    '@prisma/adapter-mariadb': '@prisma/adapter-mariadb',
  },
  6: {
    prisma: 'prisma-6',
    '@prisma/client': '@prisma/client-6',
    // For rowshift alone: a client of 6 would need that of 6.
    '@prisma/adapter-better-sqlite3': '@prisma/adapter-better-sqlite3',
  },
} as const

/** What lets the stock command run where Prisma's engines are not downloaded. */
export const prismaSurroundings = {
  PRISMA_SCHEMA_ENGINE_BINARY: engine,
  // Prisma 6 looks whether it is there; nothing here starts it.
  PRISMA_QUERY_ENGINE_LIBRARY: engine,
  CHECKPOINT_DISABLE: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
}

interface PrismaProjectOptions {
  /** Of Prisma; default 7. */
  readonly version?: 6 | 7
  /** Of the database, where the application has several. */
  readonly schemas?: readonly string[]
  readonly files?: Readonly<Record<string, string>>
}

/** The folder of an application that has installed Prisma and rowshift, with a schema in `prisma/schema.prisma`. */
export class PrismaProject {
  private constructor(
    readonly app: CliProject,
    readonly database: TestDatabase,
    private readonly options: PrismaProjectOptions,
  ) {}

  static async create(
    database: TestDatabase,
    models: string,
    options: PrismaProjectOptions = {},
  ): Promise<PrismaProject> {
    const app = await CliProject.createEmpty({
      'rowshift.config.ts': rowshiftConfig(database),
      'prisma.config.ts': configText(database, options.version),
      ...options.files,
    })
    for (const [name, source] of Object.entries(packagesOf[options.version ?? 7])) {
      await mkdir(dirname(join(app.folder, 'node_modules', name)), { recursive: true })
      const folder = source === 'prisma' ? inject('prismaFolder') : join(modules, source)
      await symlink(folder, join(app.folder, 'node_modules', name))
    }
    await mkdir(join(app.folder, 'node_modules/.bin'))
    // npm makes a package's commands executable.
    const generator = join(app.folder, 'node_modules/rowshift/dist/adapters/prisma/generator/main.js')
    await chmod(generator, 0o755)
    await symlink(generator, join(app.folder, 'node_modules/.bin/rowshift-prisma'))
    const project = new PrismaProject(app, database, options)
    await project.schema(models)
    return project
  }

  get folder(): string {
    return this.app.folder
  }

  /** Replaces the models of the schema. */
  async schema(models: string): Promise<void> {
    const { version, schemas } = this.options
    const settings = [
      `provider = "${providers[this.database.name]}"`,
      ...(schemas ? [`schemas = ${JSON.stringify(schemas)}`] : []),
      ...(version === 6 ? [`url = ${JSON.stringify(urlOf(this.database))}`] : []),
    ]
    const datasource = `datasource db {\n${settings.map((line) => `  ${line}\n`).join('')}}\n`
    await this.app.write({ 'prisma/schema.prisma': `${datasource}\n${models}` })
  }

  /** Runs the stock command, as `npx prisma` would. */
  prisma(...args: readonly string[]): Promise<Ended> {
    const main = join(this.folder, 'node_modules/prisma/build/index.js')
    const env = {
      ...process.env,
      ...prismaSurroundings,
      NO_COLOR: '1',
      PATH: `${join(this.folder, 'node_modules/.bin')}:${process.env.PATH}`,
    }
    return new Promise((resolve) => {
      execFile(process.execPath, [main, ...args], { cwd: this.folder, env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      )
    })
  }

  /** Runs rowshift with `--json`. */
  json(...args: readonly string[]): Promise<{ code: number | null; document: unknown }> {
    return this.app.json(args, { env: prismaSurroundings })
  }
}

const providers = { postgres: 'postgresql', mariadb: 'mysql', sqlite: 'sqlite' } as const

const adapters = {
  postgres: ['PrismaPg', '@prisma/adapter-pg', 'connectionString'],
  mariadb: ['PrismaMariaDb', '@prisma/adapter-mariadb', undefined],
  sqlite: ['PrismaBetterSqlite3', '@prisma/adapter-better-sqlite3', 'url'],
} as const

const rowshiftConfig = (database: TestDatabase) => {
  const [adapter, path, option] = adapters[database.name]
  const url = urlOf(database)
  return `import { ${adapter} } from '${path}'
import { defineConfig } from 'rowshift'
import { prisma } from 'rowshift/prisma'

export default defineConfig({
  database: prisma(new ${adapter}(${JSON.stringify(option === undefined ? url : { [option]: url })})),
  backfills: 'prisma/migrations/*/backfill*.ts',
})
`
}

const urlOf = ({ name, url }: TestDatabase): string => (name === 'sqlite' ? `file:${url}` : url)

const configText = (database: TestDatabase, version: 6 | 7 | undefined) => `import { defineConfig } from 'prisma/config'
import { stateTables } from 'rowshift/prisma'

export default defineConfig({
  schema: 'prisma/schema.prisma',
  experimental: { externalTables: true },
  tables: { external: stateTables(${database.name === 'postgres' ? "{ schema: 'public' }" : ''}) },
  migrations: { path: 'prisma/migrations' },
  ${version === 6 ? '' : `datasource: { url: ${JSON.stringify(urlOf(database))} },`}
})
`

/** A test of Prisma's own commands, titled `<database>/prisma only: <title>`, with a database that is dropped when it has finished. */
export function testPrisma(
  names: readonly DatabaseName[],
  title: string,
  body: (database: TestDatabase) => Promise<void>,
  // A call of Prisma's command costs seconds, more on a busy machine.
  timeoutMs = 120_000,
): void {
  for (const name of names) {
    test.runIf(databases.includes(name))(
      `${name}/prisma only: ${title}`,
      async () => {
        const server = name === 'sqlite' ? undefined : inject('servers')[name]
        const database = await TestDatabase.create(name, server && 'url' in server ? server.url : '')
        onTestFinished(() => database.drop())
        await body(database)
      },
      timeoutMs,
    )
  }
}
