import { dirname, join } from 'node:path'
import { DataSource, IsNull, MoreThanOrEqual, Not } from 'typeorm'
import { City } from './src/city.js'
import { connection } from './src/connection.js'
import type { Cities } from './story/cities.js'
import type { Edition } from './story/edition.js'
import { wrap } from './story/narrator.js'
import { Shell } from './story/shell.js'

const programs = {
  typeorm: require.resolve('typeorm/cli.js'),
  rowshift: join(dirname(require.resolve('rowshift/package.json')), 'dist/cli/main.js'),
}

const migrate = 'typeorm migration:run -d'

/** The story with the stock command of TypeORM. This file runs from `dist`. */
export async function openTypeorm(url: string): Promise<Edition> {
  const dataSource = new DataSource({ ...connection(url), entities: [City] })
  return {
    preface: [],
    shell: new Shell(join(__dirname, '..'), programs, { DATABASE_URL: url }),
    first: `${migrate} dist/src/version-1.js`,
    migrate: `${migrate} dist/src/data-source.js`,
    gateCode: 1,
    check: 'rowshift generate --check',
    // The command prints every statement; what is told are the migrations, and why it stopped.
    tell: ({ stdout, stderr }) => [
      ...(stdout.match(/^Migration \w+ has been executed.*$/gm) ?? []),
      ...(stderr.match(/^RowshiftError: .*/gm) ?? []).map(wrap),
    ],
    connect: async () => citiesOf(await dataSource.initialize()),
    close: async () => {
      if (dataSource.isInitialized) await dataSource.destroy()
    },
  }
}

function citiesOf(dataSource: DataSource): Cities {
  const cities = dataSource.getRepository(City)
  return {
    async insert(rows) {
      const columns = ['id', 'name', 'country', 'admin1', 'lat', 'lng']
      await dataSource
        .createQueryBuilder()
        .insert()
        .into('city', columns)
        .values([...rows])
        .execute()
    },
    countMigrated: () => cities.countBy({ searchName: Not(IsNull()) }),
    async nextToMigrate(id) {
      const where = { id: MoreThanOrEqual(id), searchName: IsNull() }
      const [next] = await cities.find({ where, order: { id: 'ASC' }, take: 1 })
      return next?.id
    },
    find: (id) => cities.findOneBy({ id }),
    update: async (id, changes) => ((await cities.update(id, changes)).affected ?? 0) > 0,
    async renameUnmigrated(id, name) {
      const { affected } = await cities.update({ id, searchName: IsNull() }, { name })
      return (affected ?? 0) > 0
    },
    async namesakes() {
      const names = cities.createQueryBuilder('city').select('city.name', 'name').groupBy('city.name')
      const { name } = (await names.orderBy('count(*)', 'DESC').limit(1).getRawOne<{ name: string }>())!
      const found = await cities.find({ where: { name }, order: { id: 'ASC' } })
      return { name, slugs: found.map(({ slug }) => slug) }
    },
    all: () => cities.find({ order: { id: 'ASC' } }),
  }
}
