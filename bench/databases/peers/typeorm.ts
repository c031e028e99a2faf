import { DataSource, EntitySchema, IsNull, MoreThan } from 'typeorm'
import type { Arena, Peer } from '../arena.js'
import { slugOf } from '../city-table.js'

interface City {
  id: number
  name: string
  pad: string
  slug: string | null
}

const City = new EntitySchema<City>({
  name: 'City',
  tableName: 'city',
  columns: {
    id: { type: 'bigint', primary: true, transformer: { from: Number, to: (id: number) => id } },
    name: { type: 'varchar', length: 100 },
    pad: { type: 'varchar', length: 300 },
    slug: { type: 'varchar', length: 100, nullable: true },
  },
})

/** `save` looks for its rows by a condition each, of which SQLite takes a thousand. */
const pageRows = 500

function peer(name: string, write: (dataSource: DataSource, page: City[]) => Promise<unknown>): Peer {
  return {
    name,
    async prepare({ database }: Arena) {
      const dataSource = await new DataSource(database.dataSourceOptions({ entities: [City] })).initialize()
      const cities = dataSource.getRepository(City)
      return {
        async run() {
          for (let last = 0; ; ) {
            const page = await cities.find({
              where: { id: MoreThan(last), slug: IsNull() },
              order: { id: 'asc' },
              take: pageRows,
            })
            if (page.length === 0) return
            await write(dataSource, page)
            last = page.at(-1)!.id
          }
        },
        close: () => dataSource.destroy(),
      }
    },
  }
}

export const typeormSave = peer('TypeORM save(batch)', async (dataSource, page) => {
  for (const city of page) city.slug = slugOf(city.name)
  await dataSource.getRepository(City).save(page)
})

export const typeormUpdate = peer('TypeORM update each', async (dataSource, page) => {
  for (const { id, name } of page) await dataSource.getRepository(City).update(id, { slug: slugOf(name) })
})
