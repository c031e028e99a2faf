import type { DataSource } from 'typeorm'
import { onTestFinished } from 'vitest'
import type { DatabaseSource } from '../../src/adapters/database.js'
import type { Tenants } from '../../src/index.js'
import { portTo } from './backfills.js'
import { countWhere, createCities } from './city-table.js'
import { driverAdapter } from './cli-project.js'
import type { DatabaseName, TestDatabase, TestTarget } from './databases.js'

/** Tenants of an application: each has its cities in a schema on PostgreSQL, in a database on MariaDB, in a file on SQLite. */
export class TestTenants {
  private constructor(
    private readonly name: DatabaseName,
    private readonly places: ReadonlyMap<string, TestDatabase>,
    private readonly apps: ReadonlyMap<string, DataSource>,
  ) {}

  static async create(
    names: readonly string[],
    rows: number,
    database: TestDatabase,
    target: TestTarget,
  ): Promise<TestTenants> {
    const isBySchema = database.name === 'postgres'
    const places = new Map<string, TestDatabase>()
    const apps = new Map<string, DataSource>()
    const main = isBySchema ? await database.connect() : undefined
    // What no tenant must be given instead of its own.
    if (main) await createCities(main, database.name, 3)
    for (const name of names) {
      const place = isBySchema ? database : await target.createDatabase()
      if (!isBySchema) onTestFinished(() => place.drop())
      await main?.query(`create schema "${name}"`)
      const app = await place.connect({
        poolSize: 2,
        ...(isBySchema && { extra: { options: `-c search_path=${name}` } }),
      })
      await createCities(app, database.name, rows)
      places.set(name, place)
      apps.set(name, app)
    }
    return new TestTenants(database.name, places, apps)
  }

  /** The application's own connection, on which `city` is the tenant's. */
  app(name: string): DataSource {
    return this.apps.get(name)!
  }

  /** As `tenants.database` gives it, through the adapter of the test. */
  async source(name: string): Promise<DatabaseSource> {
    const place = this.places.get(name)!
    const dataSource = await place.connect({ poolSize: 4, ...(this.name === 'postgres' && { schema: name }) })
    const port = portTo(dataSource)
    return { kind: 'database-source', open: async () => ({ ...port, close: async () => undefined }) }
  }

  /** A config for them, as an application has it: a data source a tenant, or a driver adapter of Prisma. */
  configText(options: Omit<Tenants, 'names' | 'database'> = {}): string {
    const names = [...this.places.keys()]
    const isBySchema = this.name === 'postgres'
    const [place] = this.places.values()
    const made = names.map((name) => [name, placeOf(this.places.get(name)!, isBySchema ? name : undefined)])
    const [adapter, module] = driverAdapter(place!)
    const isPrisma = place!.adapter === 'prisma'
    return `import { defineConfig } from 'rowshift'
${
  isPrisma
    ? `import { prisma } from 'rowshift/prisma'\nimport { ${adapter} } from '@prisma/${module}'`
    : `import { typeorm } from 'rowshift/typeorm'\nimport { DataSource } from 'typeorm'`
}

const places = ${JSON.stringify(Object.fromEntries(made))} as Record<string, never>

export default defineConfig({
  tenants: {
    names: async () => ${JSON.stringify(names)},
    database: (name) => ${
      isPrisma
        ? `prisma(new ${adapter}(places[name]!${isBySchema ? ', { schema: name }' : ''}))`
        : 'typeorm(() => new DataSource(places[name]!))'
    },
    ...${JSON.stringify(options)},
  },
  backfills: 'backfills/*.ts',
})
`
  }

  /** How many cities of each tenant have a slug. */
  filled(): Promise<readonly number[]> {
    return Promise.all([...this.apps.values()].map((app) => countWhere(app, 'slug is not null')))
  }
}

function placeOf(database: TestDatabase, schema: string | undefined): unknown {
  return database.adapter === 'prisma'
    ? driverAdapter(database)[2]
    : database.dataSourceOptions({ ...(schema && { schema }) })
}
