import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'

export interface Options {
  /** `sqlite`, `postgres`, `mariadb`, the URL of a server, or the path of a new SQLite file. */
  readonly database: string
  /** How many of the cities are imported. */
  readonly cities: number
  /** Whether standard output gets one JSON document and nothing else. */
  readonly isJson: boolean
}

const usageOf = (command: string) => `${command} -- [options]
  --database sqlite         a file in a temporary folder (default)
  --database cities.sqlite  a new file, which is kept
  --database postgres       a PostgreSQL 18 that npm has installed
  --database mariadb        the MariaDB of this machine
  --database postgres://…   a server of yours (or mysql://…, mariadb://…), in a database made for this run
  --cities 20000            the first so many cities only
  --json                    one JSON document on standard output, the story on standard error`

/** The options, or what is wrong with them and how they are used. */
export function readOptions(command: string, args: readonly string[]): Options | string {
  const usage = usageOf(command)
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        database: { type: 'string', default: 'sqlite' },
        cities: { type: 'string', default: 'Infinity' },
        json: { type: 'boolean', default: false },
      },
    })
    const { database, json } = values
    const cities = Number(values.cities)
    if (!(cities >= 1)) return `--cities takes a number from 1.\n\n${usage}`
    const isFile = database.endsWith('.sqlite')
    if (isFile && existsSync(database)) return `The file ${database} exists already.\n\n${usage}`
    const isKnown = isFile || /^(sqlite|postgres|mariadb|(postgres|postgresql|mysql|mariadb):\/\/.*)$/.test(database)
    if (!isKnown) return `There is no database '${database}'.\n\n${usage}`
    return { database, cities, isJson: json }
  } catch (error) {
    return `${(error as Error).message}\n\n${usage}`
  }
}
