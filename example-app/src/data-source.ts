import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { City } from './city.js'
import { connection } from './connection.js'

export const dataSource = new DataSource({
  ...connection(process.env.DATABASE_URL),
  entities: [City],
  migrations: [join(__dirname, 'migrations/*.js')],
})
