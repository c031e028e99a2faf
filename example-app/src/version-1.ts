import { DataSource } from 'typeorm'
import { connection } from './connection.js'
import { CreateCity1763700000001 } from './migrations/1763700000001-CreateCity.js'

/** The application as it was before: one migration, and a table without the new columns. */
export const version1 = new DataSource({
  ...connection(process.env.DATABASE_URL),
  migrations: [CreateCity1763700000001],
})
