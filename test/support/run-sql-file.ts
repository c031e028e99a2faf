import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import type { TestDatabase } from './test-database.js'

/** Runs a text of many statements on a connection of its own, as a tool that knows nothing but SQL does. */
export async function runSqlFile({ name, url }: TestDatabase, text: string): Promise<void> {
  if (name === 'sqlite') {
    const { default: Sqlite } = await import('better-sqlite3')
    const database = new Sqlite(url)
    try {
      database.exec(text)
    } finally {
      database.close()
    }
  } else if (name === 'postgres') {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(text).finally(() => client.end())
  } else {
    const connection = await createConnection({ uri: url, multipleStatements: true })
    await connection.query(text).finally(() => connection.end())
  }
}
