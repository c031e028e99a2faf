import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { DataSource } from 'typeorm'
import { connection } from '../src/connection.js'

/** An empty database for one run of the story. */
export interface ExampleDatabase {
  /** `sqlite`, `postgres`, `mysql` or `mariadb`. */
  readonly name: string
  readonly url: string
  /** Removes it, and stops the server if the story has started one. */
  close(): Promise<void>
}

const startable: readonly string[] = ['postgres', 'mariadb']

/** @param place `sqlite`, `postgres`, `mariadb`, the URL of a server, or a new SQLite file, which is kept */
export async function openDatabase(place: string): Promise<ExampleDatabase> {
  if (place === 'sqlite') return createFile()
  if (place.endsWith('.sqlite')) return { name: 'sqlite', url: resolve(place), close: async () => {} }
  if (!startable.includes(place)) return createDatabase(new URL(place).protocol.slice(0, -1), place)
  const server = await startServer(place)
  // TypeORM is told by the protocol which of the two it is.
  const database = await createDatabase(place, server.url.replace('mysql://', 'mariadb://'))
  const close = async () => {
    await database.close()
    await server.stop()
  }
  return { ...database, close }
}

async function createFile(): Promise<ExampleDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-example-'))
  return {
    name: 'sqlite',
    url: join(folder, 'cities.sqlite'),
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

/** A database of its own on a server: nothing else there is touched. */
async function createDatabase(name: string, serverUrl: string): Promise<ExampleDatabase> {
  const database = `rowshift_example_${randomBytes(4).toString('hex')}`
  const isPostgres = connection(serverUrl).type === 'postgres'
  await administer(serverUrl, `CREATE DATABASE ${database} ${isPostgres ? '' : 'CHARACTER SET utf8mb4'}`)
  const url = new URL(serverUrl)
  url.pathname = database
  const close = () => administer(serverUrl, `DROP DATABASE IF EXISTS ${database} ${isPostgres ? 'WITH (FORCE)' : ''}`)
  return { name, url: url.href, close }
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const server = await new DataSource(connection(serverUrl)).initialize()
  await server.query(statement).finally(() => server.destroy())
}

/** Starts the server that the tests start. It stops when its standard input ends, however this process goes away. */
async function startServer(name: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const repository = dirname(require.resolve('rowshift/package.json'))
  const script = join(repository, 'test/support/servers', `${name}.ts`)
  const server = spawn(process.execPath, ['-r', join(repository, 'scripts/register-typescript.cjs'), script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C is for this process, which stops the server itself.
    detached: true,
  })
  const exited = once(server, 'exit')
  const { value: line } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next()
  const { url, unavailable }: { url?: string; unavailable?: string } = JSON.parse(line ?? '{}')
  if (url === undefined) throw new Error(unavailable ?? `${name} did not start`)
  const stop = async () => {
    server.stdin.end()
    await exited
  }
  return { url, stop }
}
