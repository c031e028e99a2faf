import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { openPrismaBeside, prismaBeside } from './prisma/prisma-beside.js'

export type DatabaseName = 'sqlite' | 'postgres' | 'mariadb'

/** What leads rowshift to a test's database; the application's part of a test is played by TypeORM in any case. */
export type AdapterName = 'typeorm' | 'prisma'

/** What a test sets on a data source besides where its database is. `host` and `port` lead it through a proxy. */
export type DataSourceExtras = Partial<
  Pick<
    DataSourceOptions,
    | 'entities'
    | 'entityPrefix'
    | 'migrations'
    | 'migrationsTransactionMode'
    | 'subscribers'
    | 'synchronize'
    | 'namingStrategy'
    | 'poolSize'
    | 'logging'
    | 'logger'
    | 'extra'
  >
> & {
  readonly host?: string
  readonly port?: number
  readonly schema?: string
  readonly username?: string
  readonly password?: string
  readonly replication?: object
}

const adapters = new WeakMap<DataSource, AdapterName>()

/** What rowshift is to go through to a data source's database. @throws for one that `connect` has not made, of which nobody knows */
export function adapterOf(dataSource: DataSource): AdapterName {
  const adapter = adapters.get(dataSource)
  if (!adapter) throw new Error('make this data source by TestDatabase.connect')
  return adapter
}

/**
 * An empty database of its own for a test. It passes to another process as JSON: `TestDatabase.fromJSON` there reaches the
 * same database. Only the process that created it drops it.
 */
export class TestDatabase {
  readonly #dataSources: DataSource[] = []

  private constructor(
    readonly name: DatabaseName,
    /** `postgres://` or `mysql://`; for SQLite the path of the file. */
    readonly url: string,
    readonly adapter: AdapterName,
  ) {}

  /** @param serverUrl where databases can be created; unused for SQLite. */
  static async create(name: DatabaseName, serverUrl: string, adapter: AdapterName = 'typeorm'): Promise<TestDatabase> {
    if (name === 'sqlite') {
      const folder = await mkdtemp(join(tmpdir(), 'rowshift-sqlite-'))
      return new TestDatabase(name, join(folder, 'test.db'), adapter)
    }
    const url = new URL(serverUrl)
    url.pathname = `rowshift_test_${randomBytes(6).toString('hex')}`
    const database = new TestDatabase(name, url.href, adapter)
    await database.#administer((quoted) => `CREATE DATABASE ${quoted}`)
    return database
  }

  static fromJSON({ name, url, adapter }: ReturnType<TestDatabase['toJSON']>): TestDatabase {
    return new TestDatabase(name, url, adapter)
  }

  toJSON(): { name: DatabaseName; url: string; adapter: AdapterName } {
    return { name: this.name, url: this.url, adapter: this.adapter }
  }

  /** Where the server listens, for a proxy in front of it. @throws for SQLite, which has none. */
  get server(): { readonly host: string; readonly port: number } {
    const { hostname, port } = new URL(this.url)
    return { host: hostname, port: Number(port) }
  }

  dataSourceOptions(extras: DataSourceExtras = {}): DataSourceOptions {
    if (this.name === 'sqlite') return { type: 'better-sqlite3', database: this.url, ...extras } as DataSourceOptions
    const { username, password, pathname } = new URL(this.url)
    return {
      type: this.name,
      ...this.server,
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: pathname.slice(1),
      ...extras,
    } as DataSourceOptions
  }

  /** An initialized data source, destroyed by `drop` if the test has not done it before. */
  async connect(extras?: DataSourceExtras): Promise<DataSource> {
    const dataSource = new DataSource(this.dataSourceOptions(extras))
    this.#dataSources.push(dataSource)
    adapters.set(dataSource, this.adapter)
    if (this.adapter === 'prisma') await openPrismaBeside(dataSource)
    return dataSource.initialize()
  }

  /** Closes what `connect` opened and removes the database, even one that other processes still use. */
  async drop(): Promise<void> {
    for (const dataSource of this.#dataSources) await prismaBeside(dataSource)?.close()
    // MySQL's pool ends all of its connections, and then says why one had been lost before.
    for (const dataSource of this.#dataSources)
      if (dataSource.isInitialized) await dataSource.destroy().catch(() => undefined)
    if (this.name === 'sqlite') return rm(dirname(this.url), { recursive: true, force: true })
    const force = this.name === 'postgres' ? ' WITH (FORCE)' : ''
    await this.#administer((quoted) => `DROP DATABASE ${quoted}${force}`)
  }

  /** Runs a statement about this database on a connection to the server's own one. */
  async #administer(statement: (quotedName: string) => string): Promise<void> {
    const own = new URL(this.url)
    const database = own.pathname.slice(1)
    if (this.name === 'postgres') {
      own.pathname = 'postgres'
      const client = new Client({ connectionString: own.href })
      await client.connect()
      await client.query(statement(`"${database}"`)).finally(() => client.end())
    } else {
      own.pathname = 'mysql'
      const connection = await createConnection(own.href)
      await connection.query(statement(`\`${database}\``)).finally(() => connection.end())
    }
  }
}
