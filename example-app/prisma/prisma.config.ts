import { join } from 'node:path'
import { defineConfig } from 'prisma/config'
import { stateTables } from 'rowshift/prisma'
import { prismaUrl, sqlOf } from './src/connection.js'

const url = process.env.DATABASE_URL
// Your application has one kind of database and one folder.
const folder = join(__dirname, sqlOf(url))

export default defineConfig({
  schema: join(folder, 'schema.prisma'),
  migrations: { path: join(folder, 'migrations') },
  // The tables in which rowshift keeps its runs are none of Prisma's.
  experimental: { externalTables: true },
  tables: { external: stateTables(sqlOf(url) === 'postgres' ? { schema: 'public' } : {}) },
  datasource: { url: prismaUrl(url) },
})
