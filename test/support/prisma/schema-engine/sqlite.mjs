import { closeSync, existsSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'

/** A file for the schema engine, as a driver adapter whose shadow database is in memory. */
export function sqlite(address) {
  const name = address.replace(/^file:(\/\/)?/, '').split('?')[0]
  const file = name === ':memory:' ? name : resolve(name)
  return {
    provider: 'sqlite',
    adapterName: '@prisma/adapter-better-sqlite3',
    connect: () => open(file),
    connectToShadowDb: () => open(':memory:'),
    async create() {
      mkdirSync(dirname(file), { recursive: true })
      closeSync(openSync(file, 'a'))
      return basename(file)
    },
    async check() {
      if (file === ':memory:' || existsSync(file)) return
      throw Object.assign(new Error(`Database \`${basename(file)}\` does not exist`), { code: 'P1003' })
    },
    wipe() {
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(file + end, { force: true })
    },
  }
}

async function open(url) {
  const { PrismaBetterSqlite3 } = await import('@prisma/adapter-better-sqlite3')
  const adapter = await new PrismaBetterSqlite3({ url }).connect()
  // On the shadow database the engine sends whole migrations as one statement, which the driver refuses.
  const executeRaw = adapter.executeRaw.bind(adapter)
  adapter.executeRaw = async (statement) => {
    try {
      return await executeRaw(statement)
    } catch (error) {
      if (!/more than one statement/.test(error.message)) throw error
      await adapter.executeScript(statement.sql)
      return 0
    }
  }
  return adapter
}
