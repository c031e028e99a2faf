import { onTestFinished } from 'vitest'
import type { PrismaClientLike } from '../../../src/adapters/prisma/driver-adapter.js'
import { rowshift } from '../../../src/adapters/prisma/index.js'
import { bySql } from '../by-sql.js'
import { clientsOf } from '../prisma/generated-client.js'
import { adapterFor } from '../prisma/prisma-beside.js'
import type { DatabaseName, TestDatabase } from '../test-database.js'
import { type App, type Row, type Surroundings, settings, storedIn } from './settings-app.js'

export const clients = clientsOf(`
model Owner {
  id       Int        @id
  parentId Int?       @map("parent")
  parent   Owner?     @relation("family", fields: [parentId], references: [id])
  children Owner[]    @relation("family")
  settings Settings[]

  @@map("owner")
}

/// @schemaVersion 2.0.0
model Settings {
  id      Int     @id
  label   String
  options Json
  /// @schemaVersionColumn none=1.0.0
  v       String? @map("row_version")
  ownerId Int?    @map("owner")
  owner   Owner?  @relation(fields: [ownerId], references: [id])

  @@map("settings")
}
`)

/** As `prisma migrate` makes the tables. */
const tables = (name: DatabaseName) => [
  'create table owner (id int primary key, parent int)',
  `create table settings (id int primary key, label varchar(100) not null, options ${bySql(name, { sqlite: 'jsonb', postgres: 'jsonb', mariadb: 'json' })} not null, row_version varchar(32), owner int)`,
]

interface Nested {
  readonly id: number
  readonly settings: readonly Row[]
  readonly children: readonly Nested[]
}

/** A model of the client, by structure: it is generated while the test runs. */
interface Delegate<R> {
  findMany(options?: object): Promise<R[]>
  findUnique(options: object): Promise<R | null> & { settings(): Promise<R[]>; owner(): Promise<Nested> }
  create(options: object): Promise<R>
  createMany(options: object): Promise<unknown>
  update(options: object): Promise<R>
  upsert(options: object): Promise<R>
  groupBy(options: object): Promise<unknown[]>
}

interface Client extends PrismaClientLike {
  readonly settings: Delegate<Row>
  readonly owner: Delegate<Nested & Row>
  $extends(extension: object): Client
  $transaction<T>(task: (client: Client) => Promise<T>): Promise<T>
  $transaction(tasks: readonly Promise<unknown>[]): Promise<unknown[]>
}

export async function openPrisma(
  database: TestDatabase,
  { warnings, beforeWrite, ...options }: Surroundings,
  version: 6 | 7 = 7,
): Promise<App & { readonly client: Client }> {
  const dataSource = await database.connect()
  for (const statement of tables(database.name)) await dataSource.query(statement)
  const { PrismaClient, registry } = await clients(database.name, version)
  const plain = new PrismaClient({ adapter: await adapterFor(dataSource, version) }) as Client
  onTestFinished(() => plain.$disconnect())
  if (warnings) {
    const onWarning = ({ message }: Error) => warnings.push(message)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
  }
  const client = plain
    .$extends(rowshift({ registry, upgradeOnRead: { versions: { settings }, ...options } }))
    .$extends({
      query: {
        $allModels: {
          async $allOperations({
            operation,
            args,
            query,
          }: {
            operation: string
            args: object
            query(args: object): Promise<unknown>
          }) {
            if (operation === 'updateMany') await beforeWrite?.()
            return query(args)
          },
        },
      },
    })
  return {
    client,
    stored: storedIn(dataSource),
    query: (sql) => dataSource.query(sql),
    all: () => client.settings.findMany({ orderBy: { id: 'asc' } }),
    one: (id) => client.settings.findUnique({ where: { id } }),
    labelOf: (id) => client.settings.findUnique({ where: { id }, select: { id: true, label: true, v: true } }),
    async ofOwner() {
      const [owner] = await client.owner.findMany({ include: { settings: true } })
      return owner!.settings
    },
    rename: (id, label) => client.settings.update({ where: { id }, data: { label } }),
    insert: (data) => client.settings.create({ data }),
  }
}
