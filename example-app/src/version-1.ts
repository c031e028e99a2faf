import { join } from 'node:path'
import { DataSource } from 'typeorm'
import { connection, sqlOf } from './connection.js'

const options = connection(process.env.DATABASE_URL)

/** The application as it was before: one migration, and a table without the new columns. */
export const version1 = new DataSource({
  ...options,
  migrations: [join(__dirname, 'migrations', sqlOf(options), '*-CreateCity.js')],
})
