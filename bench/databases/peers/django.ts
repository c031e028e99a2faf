import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DatabaseName } from '../../../test/support/test-database.js'
import type { Peer } from '../arena.js'

// The distribution's own Python, for which distributions package Django.
const python = '/usr/bin/python3'
const script = join(__dirname, 'django_bulk_update.py')
const drivers: Readonly<Record<DatabaseName, string>> = { postgres: 'psycopg2', mariadb: 'MySQLdb', sqlite: 'sqlite3' }

export function hasDjango(name: DatabaseName): boolean {
  try {
    execFileSync(python, ['-c', `import django, ${drivers[name]}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Django's `bulk_update` over keyset pages. Its start is part of the time: some tenths of a second. */
export const django: Peer = {
  name: 'Django bulk_update',
  prepare: async ({ database }) => ({
    async run() {
      await promisify(execFile)(python, [script, database.name, database.url])
    },
  }),
}
