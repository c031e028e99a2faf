import { bulkCreate } from 'rowshift/typeorm'
import { DataSource, EntitySchema, type Repository } from 'typeorm'
import type { Peer } from '../arena.js'
import { type Place, placesOf } from '../places.js'

const PlaceSchema = new EntitySchema<Place>({
  name: 'Place',
  tableName: 'place',
  columns: {
    id: { type: 'bigint', primary: true, transformer: { from: Number, to: (id: number) => id } },
    name: { type: 'varchar', length: 100 },
    slug: { type: 'varchar', length: 100 },
  },
})

function creating(name: string, create: (places: Repository<Place>, page: Place[]) => Promise<unknown>): Peer {
  return {
    name,
    async prepare({ database, rows }) {
      const dataSource = await new DataSource(database.dataSourceOptions({ entities: [PlaceSchema] })).initialize()
      const places = dataSource.getRepository(PlaceSchema)
      return {
        async run() {
          for (const page of placesOf(rows)) await create(places, page)
        },
        close: () => dataSource.destroy(),
      }
    },
  }
}

export const bulkCreated = creating('bulkCreate', (places, page) => bulkCreate(places, page))
export const typeormSaved = creating('TypeORM save(batch) of new rows', (places, page) =>
  places.save(page.map((place) => places.create(place))),
)
export const typeormInserted = creating('TypeORM insert(batch)', (places, page) => places.insert(page))
