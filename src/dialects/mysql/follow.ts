import {
  type Followed,
  type FollowStatements,
  followerLiteral,
  notPermitted,
  triggerName,
  triggerPrefix,
  unsupported,
} from '../follow.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { stateTables } from '../state/index.js'
import { type ColumnInfo, tableText } from '../table.js'
import { errnoOf } from './classify-error.js'
import { textOf } from './codecs.js'
import { tableSql } from './rows.js'
import { spelling } from './spelling.js'

const statement = (piece: Sql): Statement => render(piece, spelling, 'follow')

const events = ['insert', 'update'] as const

const schemaOf = ({ info: { table } }: Followed): Sql =>
  table.schema === undefined ? sql`database()` : sql`${table.schema}`

const pathOf = ({ info: { table } }: Followed, name: string): Sql => tableSql({ ...table, name })

const isTimestamp = ({ type }: ColumnInfo): boolean => type.startsWith('timestamp')

const columnOf = (version: 'old' | 'new', { name }: ColumnInfo): Sql => sql`${sql.raw(version)}.${sql.id(name)}`

/** By their bytes; a TIMESTAMP by its number, because in one hour of the year two of them print alike. */
function isSame(column: ColumnInfo): Sql {
  const token = (version: 'old' | 'new') =>
    isTimestamp(column)
      ? sql`unix_timestamp(${columnOf(version, column)})`
      : sql`cast(${textOf(column, columnOf(version, column))} as binary)`
  return sql`${token('old')} <=> ${token('new')}`
}

/**
 * create trigger `rowshift_…_update` after update on `city` for each row
 *   if not (cast(cast(old.`id` as char) as binary) <=> cast(cast(new.`id` as char) as binary) and …) then
 *     insert into `rowshift_change` (follower, row_key) values ('…', json_array(cast(new.`id` as char))); end if
 *
 * It runs with the rights, the sql_mode and the character set of whoever made it; only the time zone is that of the writer.
 */
function triggerSql(followed: Followed, event: 'insert' | 'update'): Sql {
  const { info, names, watched } = followed
  const key = sql.join(info.key.map((column) => textOf(column, columnOf('new', column))))
  const note = sql`insert into ${stateTables(names).change} (follower, row_key)
    values (${followerLiteral(followed)}, json_array(${key}))`
  const columns = [...new Set([...info.key, ...watched])]
  const body = event === 'insert' ? note : sql`if not (${sql.join(columns.map(isSame), ' and ')}) then ${note}; end if`
  return sql`create trigger ${pathOf(followed, triggerName(followed, event))} after ${sql.raw(event)}
    on ${tableSql(info.table)} for each row ${body}`
}

function* requireNotable(followed: Followed): Script<void> {
  const { info, watched } = followed
  const time = info.key.find(isTimestamp)
  if (time) {
    const why = `the key has the TIMESTAMP "${time.name}", which prints by the time zone of whoever writes. Make it a DATETIME.`
    throw unsupported(followed, why)
  }
  const { rows } = yield statement(
    sql`select k.constraint_name, k.column_name from information_schema.referential_constraints as r
      join information_schema.key_column_usage as k on k.constraint_schema = r.constraint_schema
        and k.constraint_name = r.constraint_name and k.table_name = r.table_name
      where r.constraint_schema = ${schemaOf(followed)} and r.table_name = ${info.table.name}
        and (r.update_rule in ('CASCADE', 'SET NULL', 'SET DEFAULT') or r.delete_rule in ('SET NULL', 'SET DEFAULT'))`,
  )
  const seen = new Set([...info.key, ...watched].map((column) => column.name))
  // What a generated column is computed from is not looked for.
  const isComputed = watched.some((column) => column.isGenerated)
  const [constraint] = rows.find(([, column]) => isComputed || seen.has(String(column))) ?? []
  if (constraint !== undefined) {
    const why = `its foreign key "${constraint}" changes rows when those of the other table change, which fires no trigger. Make it ON UPDATE RESTRICT ON DELETE RESTRICT until the gate.`
    throw unsupported(followed, why)
  }
}

/** What the server says to users without the TRIGGER privilege, and to all but administrators while it writes a binary log. */
const refusals = new Set([
  1142, // ER_TABLEACCESS_DENIED_ERROR
  1227, // ER_SPECIFIC_ACCESS_DENIED_ERROR
  1419, // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
])

/** ER_TRG_ALREADY_EXISTS: somebody else has just made it. */
const alreadyExists = 1359

/** Those of a backfill, as rows of schema and name. */
const ownTriggers = (prefix: string): Statement =>
  statement(
    sql`select t.trigger_schema, t.trigger_name from information_schema.triggers as t
      where left(t.trigger_name, ${prefix.length}) = ${prefix}`,
  )

export const follow: FollowStatements = {
  // The session's lock_wait_timeout limits the wait.
  *install(followed) {
    if (yield* this.stand(followed)) return
    yield* requireNotable(followed)
    for (const event of events) {
      try {
        yield statement(triggerSql(followed, event))
      } catch (error) {
        const errno = errnoOf(error)
        if (errno === alreadyExists) continue
        if (errno === undefined || !refusals.has(errno)) throw error
        const remedy = `Grant it TRIGGER on "${tableText(followed.info.table)}"; a server that writes a binary log wants log_bin_trust_function_creators = 1 as well.`
        throw notPermitted(followed, remedy, error)
      }
    }
  },

  *stand(followed) {
    const wanted = events.map((event) => triggerName(followed, event))
    const { rows } = yield statement(
      sql`select count(*) from information_schema.triggers as t where t.trigger_schema = ${schemaOf(followed)}
        and t.event_object_table = ${followed.info.table.name} and t.trigger_name in (${wanted})`,
    )
    return Number(rows[0]?.[0]) === events.length
  },

  // DDL ends the transaction that made it, and LOCK TABLES as well.
  *isLockedHere() {
    return false
  },

  *remove(names, backfill) {
    const { rows } = yield ownTriggers(triggerPrefix(names, backfill))
    for (const [schema, name] of rows) {
      yield statement(sql`drop trigger if exists ${sql.id(String(schema), String(name))}`)
    }
  },
}
