import type { DatabaseName } from './test-database.js'

/** One value for each database: the type makes a test name them all. `bySql(database.name, { sqlite: …, … })`. */
export function bySql<T>(name: DatabaseName, values: Readonly<Record<DatabaseName, T>>): T {
  return values[name]
}
