import {
  type Followed,
  type FollowStatements,
  followerId,
  followerLiteral,
  notPermitted,
  triggerName,
  triggerPrefix,
} from '../follow.js'
import type { Script } from '../script.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import { stateTables } from '../state/index.js'
import type { StateNames } from '../state-statements.js'
import type { ColumnInfo } from '../table.js'
import { pathOf, tableSql } from './rows.js'
import { spelling } from './spelling.js'

const statement = (piece: Sql): Statement => render(piece, spelling, 'follow')

const events = ['insert', 'update'] as const

/** Types whose text no setting of the session changes. The others need the settings that keys are read with. */
const plainKeys = new Set(['smallint', 'integer', 'bigint', 'numeric', 'text', 'character varying', 'uuid', 'boolean'])

const keySettings = sql.raw(`set timezone = 'UTC' set datestyle = 'ISO, MDY' set bytea_output = 'hex'`)

/** cast(old."name" as record): a row of the columns as they are stored, to be compared byte by byte. */
const imageOf = (version: 'old' | 'new', columns: readonly ColumnInfo[]): Sql =>
  sql`cast(row(${sql.join(columns.map((column) => sql`${sql.raw(version)}.${sql.id(column.name)}`))}) as record)`

/**
 * create function "public"."rowshift_…_insert"() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp
 * as $rowshift$ begin insert into "public"."rowshift_change" (follower, row_key)
 *   values ('…', json_build_array(cast(new."id" as text))); return null; end $rowshift$
 *
 * With the rights of whoever schedules the run, so that the application needs none on our table.
 */
function functionSql(followed: Followed, path: Sql, table: Sql): Sql {
  const { key } = followed.info
  const texts = sql.join(key.map((column) => sql`cast(new.${sql.id(column.name)} as text)`))
  const settings = key.every((column) => plainKeys.has(column.castType)) ? sql`` : keySettings
  // No name of a column holds the follower's id.
  const quoteMark = sql.raw(`$rowshift_${followerId(followed.names, followed.backfill)}$`)
  return sql`create or replace function ${path}() returns trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp ${settings}
    as ${quoteMark} begin
      insert into ${table} (follower, row_key) values (${followerLiteral(followed)}, json_build_array(${texts}));
      return null;
    end ${quoteMark}`
}

/**
 * create trigger "rowshift_…_update" after update on "city" for each row
 *   when (cast(row(old."id", old."name") as record) *<> cast(row(new."id", new."name") as record)) execute function …
 *
 * Not UPDATE OF "name": that looks at the columns the statement names, and a BEFORE trigger may change others. The bytes are
 * compared, so that no setting of a session makes two values look alike.
 */
function triggerSql({ info, watched }: Followed, event: 'insert' | 'update', name: string, path: Sql): Sql {
  const columns = [...new Set([...info.key, ...watched])]
  const isChange =
    event === 'update'
      ? sql`when (${imageOf('old', columns)} operator(pg_catalog.*<>) ${imageOf('new', columns)})`
      : sql``
  return sql`create trigger ${sql.id(name)} after ${sql.raw(event)} on ${tableSql(info.table)} for each row ${isChange}
    execute function ${path}()`
}

/** The schema that the state tables are in, and whether this user may write notes. */
function* placeOf(names: StateNames): Script<{ readonly schema: string; readonly mayNote: boolean }> {
  const { rows } = yield statement(
    sql`select n.nspname::text, has_table_privilege(c.oid, 'INSERT') from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.oid = to_regclass(${pathOf(stateTables(names).change)})`,
  )
  const [schema, mayNote] = rows[0]!
  return { schema: String(schema), mayNote: mayNote === true }
}

function* create(followed: Followed): Script<void> {
  const { names, info } = followed
  const { schema, mayNote } = yield* placeOf(names)
  if (!mayNote) throw notPermitted(followed, 'Grant it INSERT on the state tables.')
  const change = sql.id(schema, `${names.prefix}change`)
  for (const event of events) {
    const name = triggerName(followed, event)
    const path = sql.id(schema, name)
    yield statement(functionSql(followed, path, change))
    yield statement(sql`revoke all on function ${path}() from public`)
    yield statement(sql`drop trigger if exists ${sql.id(name)} on ${tableSql(info.table)}`)
    yield statement(triggerSql(followed, event, name, path))
    // For sessions that apply the changes of another server as well.
    yield statement(sql`alter table ${tableSql(info.table)} enable always trigger ${sql.id(name)}`)
  }
}

const setLockTimeout = (value: string): Statement => statement(sql`select set_config('lock_timeout', ${value}, true)`)

export const follow: FollowStatements = {
  *install(followed, lockTimeoutMs) {
    if (yield* this.stand(followed)) return
    const { rows } = yield statement(sql`select current_setting('lock_timeout')`)
    yield setLockTimeout(String(lockTimeoutMs))
    try {
      yield* create(followed)
    } catch (error) {
      // insufficient_privilege
      if ((error as { code?: unknown }).code !== '42501') throw error
      const remedy = 'Grant it TRIGGER on the table and CREATE on the schema of the state tables, or use the owner.'
      throw notPermitted(followed, remedy, error)
    }
    yield setLockTimeout(String(rows[0]?.[0]))
  },

  *stand(followed) {
    const wanted = events.map((event) => triggerName(followed, event))
    const { rows } = yield statement(
      sql`select count(*) from pg_trigger where tgrelid = to_regclass(${pathOf(tableSql(followed.info.table))})
        and tgname in (${wanted}) and tgenabled = 'A'`,
    )
    return Number(rows[0]?.[0]) === events.length
  },

  *isLockedHere(table) {
    const { rows } = yield statement(
      sql`select 1 from pg_locks where pid = pg_backend_pid() and relation = to_regclass(${pathOf(tableSql(table))})
        and mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') limit 1`,
    )
    return rows.length > 0
  },

  *remove(names, backfill) {
    const prefix = triggerPrefix(names, backfill)
    // Those of partitions go with their parent's.
    const { rows } = yield statement(
      sql`select t.tgname::text, n.nspname::text, c.relname::text from pg_trigger t
        join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
        where starts_with(t.tgname::text, ${prefix}) and not t.tgisinternal and t.tgparentid = 0`,
    )
    for (const [name, schema, table] of rows) {
      yield statement(sql`drop trigger ${sql.id(String(name))} on ${sql.id(String(schema), String(table))}`)
    }
    const functions = yield statement(
      sql`select n.nspname::text, p.proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where starts_with(p.proname::text, ${prefix})`,
    )
    for (const [schema, name] of functions.rows) {
      yield statement(sql`drop function ${sql.id(String(schema), String(name))}()`)
    }
  },
}
