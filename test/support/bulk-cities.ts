import { type DataSource, EntitySchema } from 'typeorm'
import { onTestFinished } from 'vitest'
import type { PrismaClientLike } from '../../src/adapters/prisma/driver-adapter.js'
import { rowshift } from '../../src/adapters/prisma/index.js'
import { bulkCreate } from '../../src/adapters/typeorm/index.js'
import type { BulkCreateResult } from '../../src/backfill/bulk/bulk-create.js'
import { bySql } from './by-sql.js'
import { clientsOf } from './prisma/generated-client.js'
import { adapterFor } from './prisma/prisma-beside.js'
import type { DatabaseName, TestDatabase } from './test-database.js'

/* Cities that are created in bulk, through a repository of TypeORM or a generated client of Prisma. */

export interface NewCity {
  readonly id?: number | null
  readonly name?: string
  readonly slug?: string | null
  readonly people?: number
}

export interface BulkOptions {
  readonly onConflict?: { readonly key: readonly (keyof NewCity)[]; readonly do: 'skip' | 'update' | 'fail' }
}

export interface BulkCities {
  readonly dataSource: DataSource
  create(rows: readonly object[], options?: BulkOptions): Promise<BulkCreateResult<{ readonly id?: number }>>
  /** By id: name, slug and people. */
  stored(): Promise<Record<number, string>>
}

const cityModel = `
model City {
  id     Int     @id @default(autoincrement())
  name   String  @map("title")
  slug   String? @unique
  people Int     @default(7)
  length Int?

  @@map("city")
}

/// @schemaVersion 3.0.0
model Note {
  id      String    @id @default(uuid(7))
  tag     String    @unique @default(uuid())
  body    String?
  changed DateTime? @updatedAt
  /// @schemaVersionColumn none=1.0.0
  v       String?

  @@map("note")
}

model Token {
  id String @id @default(cuid())

  @@map("token")
}
`

export const bulkClients = clientsOf(cityModel)

const table = (name: DatabaseName) =>
  `create table city (${bySql(name, {
    sqlite: 'id integer primary key autoincrement',
    postgres: 'id serial primary key',
    mariadb: 'id int auto_increment primary key',
  })}, title varchar(100) not null, slug varchar(100) unique, people int not null default 7,
  length int generated always as (char_length(title)) stored)`.replace(
    'char_length',
    name === 'sqlite' ? 'length' : 'char_length',
  )

const CitySchema = new EntitySchema<NewCity & { readonly length: number }>({
  name: 'City',
  tableName: 'city',
  columns: {
    id: { type: 'int', primary: true, generated: true },
    name: { type: 'varchar', name: 'title' },
    slug: { type: 'varchar', nullable: true, unique: true },
    people: { type: 'int', default: 7 },
    length: { type: 'int', asExpression: 'length(title)', generatedType: 'STORED' },
  },
})

export interface BulkClient extends PrismaClientLike {
  readonly city: {
    bulkCreate(rows: readonly object[], options?: object): Promise<BulkCreateResult<{ readonly id?: number }>>
  }
  readonly note: {
    bulkCreate(rows: readonly object[], options?: object): Promise<BulkCreateResult<{ readonly id?: string }>>
    findMany(options?: object): Promise<{ id: string; tag: string; body: string; changed: Date; v: string }[]>
  }
  readonly token: { bulkCreate(rows: readonly object[]): Promise<unknown> }
  $extends(extension: object): BulkClient
  $transaction<T>(task: (client: BulkClient) => Promise<T>): Promise<T>
}

export async function openClient(database: TestDatabase, dataSource: DataSource): Promise<BulkClient> {
  const { PrismaClient, registry } = await bulkClients(database.name)
  const plain = new PrismaClient({ adapter: await adapterFor(dataSource) }) as BulkClient
  onTestFinished(() => plain.$disconnect())
  return plain.$extends(rowshift({ registry }))
}

export async function openBulkCities(database: TestDatabase): Promise<BulkCities> {
  const dataSource = await database.connect({ entities: [CitySchema] })
  await dataSource.query(table(database.name))
  const repository = dataSource.getRepository(CitySchema)
  const client = database.adapter === 'prisma' ? await openClient(database, dataSource) : undefined
  return {
    dataSource,
    create: (rows, options) =>
      client
        ? client.city.bulkCreate(rows, options)
        : (bulkCreate(repository, rows, options) as ReturnType<BulkCities['create']>),
    async stored() {
      const rows: { id: number; title: string; slug: string | null; people: number }[] = await dataSource.query(
        'select id, title, slug, people from city',
      )
      return Object.fromEntries(rows.map(({ id, title, slug, people }) => [id, `${title} ${slug} ${people}`]))
    },
  }
}
