import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { City } from './city.js'
import { connection, sqlOf } from './connection.js'

const options = connection(process.env.DATABASE_URL)

export const dataSource = new DataSource({
  ...options,
  entities: [City],
  // Your application has one kind of database and one folder.
  migrations: [join(__dirname, 'migrations', sqlOf(options), '*.js')],
  // Each migration commits by itself: what one schedules, workers find while the next one waits at its gate.
  migrationsTransactionMode: 'each',
})
