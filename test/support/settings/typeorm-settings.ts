import 'reflect-metadata'
import {
  Column,
  type DataSource,
  Entity,
  EventSubscriber,
  JoinColumn,
  type Logger,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
} from 'typeorm'
import { SchemaVersionColumn, UpgradeOnRead } from '../../../src/adapters/typeorm/index.js'
import { SchemaVersion } from '../../../src/index.js'
import type { TestDatabase } from '../test-database.js'
import { type App, type Surroundings, settings, storedIn, type Theme } from './settings-app.js'

@Entity('owner')
class Owner {
  @PrimaryColumn('int') id!: number
  @OneToMany(
    () => Settings,
    (one) => one.owner,
  )
  settings!: Settings[]
}

@Entity('settings')
@SchemaVersion('2.0.0', { of: settings })
export class Settings {
  @PrimaryColumn('int') id!: number
  @Column('varchar', { length: 100 }) label!: string
  @Column('simple-json') options!: Theme
  @SchemaVersionColumn({ none: '1.0.0', name: 'row_version' }) v!: string | null
  @ManyToOne(
    () => Owner,
    (owner) => owner.settings,
    { nullable: true },
  )
  @JoinColumn({ name: 'owner' })
  owner!: Owner | null
}

export async function openTypeorm(
  database: TestDatabase,
  { warnings, beforeWrite, ...options }: Surroundings,
): Promise<App & { readonly dataSource: DataSource }> {
  let isWritten = false

  @EventSubscriber()
  class BeforeWrite {
    async beforeQuery({ query }: { readonly query: string }): Promise<void> {
      if (!beforeWrite || isWritten || !query.startsWith('UPDATE')) return
      isWritten = true
      await beforeWrite()
    }
  }

  const ignore = () => undefined
  const logger = { log: (_: string, message: string) => warnings?.push(message) } as unknown as Logger
  for (const name of ['logQuery', 'logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration'] as const)
    logger[name] = ignore
  const dataSource = await database.connect({
    entities: [Settings, Owner],
    synchronize: true,
    subscribers: [UpgradeOnRead(options), BeforeWrite],
    logger,
  })
  const repository = dataSource.getRepository(Settings)
  return {
    dataSource,
    stored: storedIn(dataSource),
    query: (sql) => dataSource.query(sql),
    all: () => repository.find({ order: { id: 'ASC' } }),
    one: (id) => repository.findOneBy({ id }),
    labelOf: (id) => repository.findOne({ where: { id }, select: { id: true, label: true, v: true } }),
    async ofOwner() {
      const [owner] = await dataSource.getRepository(Owner).find({ relations: { settings: true } })
      return owner!.settings
    },
    async rename(id, label) {
      await repository.save(Object.assign(await repository.findOneByOrFail({ id }), { label }))
    },
    insert: (row) => repository.save(repository.create(row)),
  }
}
