import { describe, inject, onTestFinished, test } from 'vitest'
import { type AdapterName, type DatabaseName, TestDatabase } from './test-database.js'

export { type AdapterName, type DatabaseName, TestDatabase } from './test-database.js'

/** A kind of database that tests run on. */
export interface TestTarget {
  readonly name: DatabaseName
  readonly adapter: AdapterName
  /** A fresh, empty database. The caller drops it. */
  createDatabase(): Promise<TestDatabase>
}

const servers = inject('servers')

/** Every database of the test plan; those that this run has no server for are reported as skipped. */
const plan: readonly DatabaseName[] = ['sqlite', 'postgres', 'mariadb']

const adapters: readonly AdapterName[] = ['typeorm', 'prisma']

/** The databases of this run. */
export const databases: readonly DatabaseName[] = plan.filter((name) => name === 'sqlite' || 'url' in servers[name])

function target(name: DatabaseName, adapter: AdapterName): TestTarget {
  const server = name === 'sqlite' ? { url: '' } : servers[name]
  return {
    name,
    adapter,
    createDatabase() {
      if ('unavailable' in server) throw new Error(`${name} is not available: ${server.unavailable}`)
      return TestDatabase.create(name, server.url, adapter)
    },
  }
}

/** A test's body: `database` is fresh, and dropped when the test has finished; `target` makes more of them. */
export type DatabaseTest = (database: TestDatabase, target: TestTarget) => void | Promise<void>

function addTest(
  name: DatabaseName,
  adapter: AdapterName,
  title: string,
  body: DatabaseTest,
  timeoutMs: number | undefined,
): void {
  test.runIf(databases.includes(name))(
    title,
    async () => {
      const database = await target(name, adapter).createDatabase()
      onTestFinished(() => database.drop())
      await body(database, target(name, adapter))
    },
    timeoutMs,
  )
}

/**
 * A test on each of `names` through each adapter, titled `<database>/<adapter>: <title>`: for what is promised to the users of any
 * ORM. What it runs goes through `portTo` or `runBackfill`.
 *
 *   contractTestOn(['postgres', 'mariadb'], 'goes on after a lost connection', async (database) => { … })
 */
export function contractTestOn(
  names: readonly DatabaseName[],
  title: string,
  body: DatabaseTest,
  timeoutMs?: number,
): void {
  for (const name of names)
    for (const adapter of adapters) addTest(name, adapter, `${name}/${adapter}: ${title}`, body, timeoutMs)
}

/** A test on every database through each adapter, titled `<database>/<adapter>: <title>`. */
export function contractTest(title: string, body: DatabaseTest, timeoutMs?: number): void {
  contractTestOn(plan, title, body, timeoutMs)
}

/**
 * A contract test on each of `names` that runs beside the other waiting tests of its file: for tests that pass the time. What it
 * calls must not use vitest's own `onTestFinished`, which knows one test at a time.
 */
export function waitingContractTestOn(names: readonly DatabaseName[], title: string, body: DatabaseTest): void {
  for (const name of names) {
    for (const adapter of adapters) {
      test.runIf(databases.includes(name)).concurrent(`${name}/${adapter}: ${title}`, async (context) => {
        const database = await target(name, adapter).createDatabase()
        context.onTestFinished(() => database.drop())
        await body(database, target(name, adapter))
      })
    }
  }
}

/** A waiting contract test on every database. */
export function waitingContractTest(title: string, body: DatabaseTest): void {
  waitingContractTestOn(plan, title, body)
}

/**
 * A test on each of `names` of what TypeORM alone has: its command and migrations, the transaction that they run in, its entities and
 * drivers. Titled `<database>/typeorm only: <title>`.
 */
export function typeormTestOn(
  names: readonly DatabaseName[],
  title: string,
  body: DatabaseTest,
  timeoutMs?: number,
): void {
  for (const name of names) addTest(name, 'typeorm', `${name}/typeorm only: ${title}`, body, timeoutMs)
}

/** The same on every database. */
export function typeormTest(title: string, body: DatabaseTest, timeoutMs?: number): void {
  typeormTestOn(plan, title, body, timeoutMs)
}

/** A test on each of `names` of what Prisma alone has. Titled `<database>/prisma only: <title>`. */
export function prismaTestOn(
  names: readonly DatabaseName[],
  title: string,
  body: DatabaseTest,
  timeoutMs?: number,
): void {
  for (const name of names) addTest(name, 'prisma', `${name}/prisma only: ${title}`, body, timeoutMs)
}

/** A suite on every database of what TypeORM alone has, named `<database>/typeorm only`. */
export function describeTypeorm(suite: (db: TestTarget) => void): void {
  for (const name of plan)
    describe.runIf(databases.includes(name))(`${name}/typeorm only`, () => suite(target(name, 'typeorm')))
}

/** A suite on every database through each adapter, named `<database>/<adapter>`. */
export function describeContract(suite: (db: TestTarget) => void): void {
  for (const name of plan)
    for (const adapter of adapters)
      describe.runIf(databases.includes(name))(`${name}/${adapter}`, () => suite(target(name, adapter)))
}
