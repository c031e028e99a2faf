import { createHash, randomUUID } from 'node:crypto'
import { createConnection } from 'mysql2/promise'

/*
 * The compiled engine knows no MySQL. What `migrate deploy`, `migrate status` and `migrate resolve` ask of an engine is done here by
 * hand, as the native engine does it: scripts are sent whole and run statement by statement, outside any transaction.
 */

/** A database for the stand-in, with an engine of its own. */
export function mysql(address) {
  const name = decodeURIComponent(new URL(address).pathname.slice(1))
  return {
    async create() {
      const server = new URL(address)
      server.pathname = ''
      await withConnection(server.href, (connection) => connection.query(`CREATE DATABASE IF NOT EXISTS \`${name}\``))
      return name
    },
    check: () => withConnection(address, () => undefined),
    engine: {
      async call(method, params) {
        if (!(method in methods)) throw new Error(`the stand-in for MySQL does no ${method}`)
        return withConnection(address, (connection) => methods[method](new History(connection), params))
      },
    },
  }
}

async function withConnection(uri, task) {
  const connection = await createConnection({ uri, multipleStatements: true })
  try {
    return await task(connection)
  } finally {
    await connection.end()
  }
}

const methods = {
  version: (history) => history.serverVersion(),

  async applyMigrations(history, { migrationsList }) {
    await history.lock()
    const done = await history.read()
    if (done === undefined) {
      if (await history.hasTables()) throw userError('P3005', 'The database schema is not empty.')
      await history.create()
    }
    const failed = (done ?? []).find(isFailed)
    if (failed) {
      const text = `The \`${failed.migration_name}\` migration started at ${failed.started_at.toISOString()} failed`
      throw userError(
        'P3009',
        `migrate found failed migrations in the target database, new migrations will not be applied.\n${text}`,
      )
    }
    const applied = new Set((done ?? []).filter(isApplied).map((row) => row.migration_name))
    const pending = scriptsOf(migrationsList).filter(({ name }) => !applied.has(name))
    for (const script of pending) await history.apply(script)
    return { appliedMigrationNames: pending.map(({ name }) => name) }
  },

  async diagnoseMigrationHistory(history, { migrationsList }) {
    const done = await history.read()
    const applied = new Map((done ?? []).filter(isApplied).map((row) => [row.migration_name, row.checksum]))
    const scripts = scriptsOf(migrationsList)
    const unapplied = scripts.filter(({ name }) => !applied.has(name)).map(({ name }) => name)
    const lastCommon = scripts.findLast(({ name }) => applied.has(name))?.name ?? null
    return {
      drift: null,
      history:
        unapplied.length > 0
          ? {
              diagnostic: 'databaseIsBehind',
              unappliedMigrationNames: unapplied,
              lastCommonMigrationName: lastCommon,
              unpersistedMigrationNames: [],
            }
          : null,
      failedMigrationNames: (done ?? []).filter(isFailed).map((row) => row.migration_name),
      editedMigrationNames: scripts
        .filter(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum)
        .map(({ name }) => name),
      errorInUnappliedMigration: null,
      hasMigrationsTable: done !== undefined,
    }
  },

  async markMigrationRolledBack(history, { migrationName }) {
    const rows = (await history.read()) ?? []
    if (!rows.some((row) => row.migration_name === migrationName && isFailed(row))) {
      throw userError(
        'P3012',
        `Migration \`${migrationName}\` cannot be rolled back because it is not in a failed state.`,
      )
    }
    await history.rollBack(migrationName)
    return {}
  },
}

const isApplied = (row) => row.finished_at !== null && row.rolled_back_at === null
const isFailed = (row) => row.finished_at === null && row.rolled_back_at === null

const userError = (code, message) => Object.assign(new Error(message), { code })

const scriptsOf = ({ migrationDirectories }) =>
  migrationDirectories
    .map(({ path, migrationFile: { content } }) => ({
      name: path,
      text: content.value,
      checksum: createHash('sha256').update(content.value).digest('hex'),
    }))
    .sort((one, other) => (one.name < other.name ? -1 : 1))

/** The table of migrations. */
class History {
  constructor(connection) {
    this.connection = connection
  }

  async #rows(statement, values) {
    const [rows] = await this.connection.query(statement, values)
    return rows
  }

  async serverVersion() {
    const [{ version }] = await this.#rows('SELECT version() AS version')
    return version
  }

  /** Until the connection ends. */
  async lock() {
    const [{ held }] = await this.#rows(`SELECT GET_LOCK('prisma_migrate', 10) AS held`)
    if (held !== 1) throw userError('P1002', 'Timed out trying to acquire an advisory lock (SELECT GET_LOCK)')
  }

  async hasTables() {
    const rows = await this.#rows('SHOW TABLES')
    return rows.length > 0
  }

  create() {
    return this.#rows(`CREATE TABLE _prisma_migrations (
      id VARCHAR(36) PRIMARY KEY NOT NULL,
      checksum VARCHAR(64) NOT NULL,
      finished_at DATETIME(3),
      migration_name VARCHAR(255) NOT NULL,
      logs TEXT,
      rolled_back_at DATETIME(3),
      started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
      applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0
    ) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`)
  }

  /** Undefined where there is no such table. */
  async read() {
    const found = await this.#rows(`SHOW TABLES LIKE '\\_prisma\\_migrations'`)
    return found.length === 0 ? undefined : this.#rows('SELECT * FROM _prisma_migrations ORDER BY started_at')
  }

  async apply({ name, text, checksum }) {
    const id = randomUUID()
    const start = 'INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES (?, ?, ?)'
    await this.#rows(start, [id, checksum, name])
    try {
      if (/\S/.test(text.replace(/^--.*$/gm, ''))) await this.connection.query(text)
    } catch (error) {
      await this.#rows('UPDATE _prisma_migrations SET logs = ? WHERE id = ?', [error.message, id])
      throw userError(
        'P3018',
        `A migration failed to apply. New migrations cannot be applied before the error is recovered from.\n\nMigration name: ${name}\n\nDatabase error code: ${error.errno}\n\nDatabase error:\n${error.message}`,
      )
    }
    const finish = 'UPDATE _prisma_migrations SET finished_at = NOW(3), applied_steps_count = 1 WHERE id = ?'
    await this.#rows(finish, [id])
  }

  rollBack(name) {
    return this.#rows(
      'UPDATE _prisma_migrations SET rolled_back_at = NOW(3) WHERE migration_name = ? AND finished_at IS NULL AND rolled_back_at IS NULL',
      [name],
    )
  }
}
