import { defineConfig } from 'rowshift'
import { prisma } from 'rowshift/prisma'
import { adapterTo, sqlOf } from './src/connection.js'
import { registry as mysql } from './src/generated/mysql/rowshift.js'
import { registry as postgres } from './src/generated/postgres/rowshift.js'
import { registry as sqlite } from './src/generated/sqlite/rowshift.js'

const url = process.env.DATABASE_URL
const sql = sqlOf(url)

export default defineConfig({
  database: prisma(() => adapterTo(url), { registry: { mysql, postgres, sqlite }[sql] }),
  backfills: `${sql}/migrations/*/backfill.ts`,
})
