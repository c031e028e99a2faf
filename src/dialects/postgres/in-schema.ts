import type { Dialect } from '../dialect.js'
import { render, sql } from '../sql.js'
import { postgres } from './index.js'
import { spelling } from './spelling.js'
import { beginIn, beginReadOnlyIn } from './transaction.js'

/**
 * PostgreSQL for a data source that names its schema. A table without one is in that schema, and nowhere else: of two tenants the second
 * must not be given the table of the first because its own is missing. SQL of definitions finds that schema's tables first.
 */
export function inSchema(schema: string): Dialect {
  const path = [spelling.quote(schema)]
  return {
    ...postgres,
    begin: (limits) => beginIn(path, limits),
    *beginReadOnly(limits, isEnclosed) {
      yield* isEnclosed ? postgres.beginReadOnly(limits, isEnclosed) : beginReadOnlyIn(path, limits)
    },
    *pinEnclosing() {
      const before = yield* postgres.pinEnclosing()
      const { rows } = yield render(sql`select current_setting('search_path')`, spelling, 'read-settings')
      const current = String(rows[0]?.[0])
      const wanted = [...path, ...(current === '' ? [] : [current])].join(', ')
      yield render(sql`select set_config('search_path', ${wanted}, true)`, spelling, 'pin')
      return [...before, ['search_path', current]]
    },
    *identity() {
      // One that is not there yet is not the current one.
      return JSON.stringify([yield* postgres.identity(), schema])
    },
    *introspect(table) {
      const found = yield* postgres.introspect({ schema: table.schema ?? schema, name: table.name })
      return { ...found, table }
    },
    *stampOf(table) {
      return yield* postgres.stampOf({ schema: table.schema ?? schema, name: table.name })
    },
    *catalogueColumns(table) {
      return yield* postgres.catalogueColumns({ schema: table.schema ?? schema, name: table.name })
    },
  }
}
