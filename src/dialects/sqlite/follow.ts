import {
  type Followed,
  type FollowStatements,
  followerLiteral,
  triggerName,
  triggerPrefix,
  unsupported,
} from '../follow.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { stateTables } from '../state/index.js'
import type { StateNames } from '../state-statements.js'
import type { ColumnInfo } from '../table.js'
import { schemaOf } from './introspect.js'
import { spelling } from './spelling.js'
import { textOf } from './texts.js'

const statement = (piece: Sql): Statement => render(piece, spelling, 'follow')

const events = ['insert', 'update'] as const

const stateSchema = ({ schema = 'main' }: StateNames): string => schema

const catalogue = (names: StateNames): Sql => sql.id(stateSchema(names), 'sqlite_master')

const tokenOf = (version: 'old' | 'new', column: ColumnInfo): Sql =>
  textOf(column, sql`${sql.raw(version)}.${sql.id(column.name)}`)

/**
 * create trigger "main"."rowshift_…_update" after update on "city"
 * when <text of old."id"> is not <text of new."id"> or <text of old."name"> is not <text of new."name">
 * begin insert into "rowshift_change" (follower, row_key) values ('…', json_array(<text of new."id">)); end
 */
function triggerSql(followed: Followed, event: 'insert' | 'update'): Sql {
  const { info, names, watched } = followed
  const columns = [...new Set([...info.key, ...watched])]
  const changes = columns.map((column) => sql`${tokenOf('old', column)} is not ${tokenOf('new', column)}`)
  const isChange = event === 'update' ? sql`when ${sql.join(changes, ' or ')}` : sql``
  const key = sql.join(info.key.map((column) => tokenOf('new', column)))
  // A trigger names tables without their schema: it writes to that of its own.
  const { change } = stateTables({ ...names, schema: undefined })
  return sql`create trigger ${sql.id(stateSchema(names), triggerName(followed, event))} after ${sql.raw(event)}
    on ${sql.id(info.table.name)} ${isChange}
    begin insert into ${change} (follower, row_key) values (${followerLiteral(followed)}, json_array(${key})); end`
}

function* requireOneFile(followed: Followed): Script<void> {
  const { info, names } = followed
  const schema = yield* schemaOf(info.table)
  if (schema.toLowerCase() === stateSchema(names).toLowerCase()) return
  const why = `it is in "${schema}", the state tables are in "${stateSchema(names)}", and a trigger writes to its own database only. Keep the state tables there.`
  throw unsupported(followed, why)
}

export const follow: FollowStatements = {
  // Whoever writes has the whole database, so there is nothing to wait for.
  *install(followed) {
    if (yield* this.stand(followed)) return
    yield* requireOneFile(followed)
    yield* this.remove(followed.names, followed.backfill)
    for (const event of events) yield statement(triggerSql(followed, event))
  },

  *stand(followed) {
    const wanted = events.map((event) => triggerName(followed, event))
    const { rows } = yield statement(
      sql`select count(*) from ${catalogue(followed.names)} where type = 'trigger' and name in (${wanted})
        and tbl_name = ${followed.info.table.name} collate nocase`,
    )
    return Number(rows[0]?.[0]) === events.length
  },

  // What locks there, locks the whole database.
  *isLockedHere() {
    return false
  },

  *remove(names, backfill) {
    const prefix = triggerPrefix(names, backfill)
    const { rows } = yield statement(
      sql`select name from ${catalogue(names)} where type = 'trigger' and substr(name, 1, ${prefix.length}) = ${prefix}`,
    )
    for (const [name] of rows) yield statement(sql`drop trigger ${sql.id(stateSchema(names), String(name))}`)
  },
}
