import { randomUUID } from 'node:crypto'
import pg from 'pg'

/** PostgreSQL's "char", which the catalogue has and the adapter cannot decode; 6 is what the engine calls a character. */
const charType = 18
const characterColumn = 6
const textType = 25

/** A database for the schema engine, as a driver adapter that can also make a shadow database. */
export function postgres(address, shadowAddress) {
  const own = placeOf(address)
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => open(own),
    async connectToShadowDb() {
      if (shadowAddress) return open(placeOf(shadowAddress))
      const name = `prisma_migrate_shadow_db_${randomUUID()}`
      await administer(own, `CREATE DATABASE "${name}"`)
      // The adapter's own way drops the database before its pool is closed.
      return open({ ...own, database: name }, () => administer(own, `DROP DATABASE "${name}" WITH (FORCE)`))
    },
    async create() {
      try {
        await this.check()
      } catch (error) {
        if (error.code !== '3D000') throw error
        await administer(own, `CREATE DATABASE "${own.database}"`)
      }
      return own.database
    },
    async check() {
      await withClient(own, () => undefined)
    },
  }
}

function placeOf(address) {
  const url = new URL(address)
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    schema: url.searchParams.get('schema') ?? 'public',
  }
}

async function withClient({ schema: _, ...place }, task) {
  const client = new pg.Client(place)
  await client.connect()
  try {
    return await task(client)
  } finally {
    await client.end()
  }
}

const administer = (place, statement) =>
  withClient({ ...place, database: 'postgres' }, (client) => client.query(statement))

/** One session for all statements, because the engine's advisory lock belongs to it. */
async function open({ schema, ...place }, afterEnd = () => undefined) {
  const { PrismaPg } = await import('@prisma/adapter-pg')
  const pool = new pg.Pool({ ...place, max: 1, options: `-c search_path="${schema}"` })
  let characters = []
  const query = pool.query.bind(pool)
  pool.query = async (...parameters) => {
    const result = await query(...parameters)
    if (Array.isArray(result)) return result
    characters = []
    for (const [i, field] of (result.fields ?? []).entries()) {
      if (field.dataTypeID !== charType) continue
      characters.push(i)
      field.dataTypeID = textType
    }
    return result
  }
  const adapter = await new PrismaPg(pool, { schema }).connect()
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (statement) => {
    const result = await queryRaw(statement)
    for (const i of characters) result.columnTypes[i] = characterColumn
    return result
  }
  // The adapter splits at every semicolon. Sent whole, a script is one implicit transaction, as from the native engine.
  adapter.executeScript = async (script) => {
    await pool.query(script)
  }
  adapter.dispose = async () => {
    await pool.end()
    await afterEnd()
  }
  return adapter
}
