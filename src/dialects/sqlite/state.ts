import { type Sql, sql } from '../sql.js'
import { gateByCheck, type StateSpelling, type StateTables, sharedState, sharedTexts } from '../state/index.js'
import { spelling } from './spelling.js'

const identifierOf = (table: Sql): readonly string[] => (table.holes[0] as { identifier: string[] }).identifier

/** A foreign key names a table of its own schema, without the schema. */
const unqualified = (table: Sql): Sql => sql.id(identifierOf(table).at(-1)!)

/** "main"."rowshift_journal_run": beside its table. */
const indexOf = (table: Sql, suffix: string): Sql => {
  const path = identifierOf(table)
  return sql.id(...path.slice(0, -1), `${path.at(-1)}_${suffix}`)
}

const createTables = (tables: StateTables) => [
  sql`create table if not exists ${tables.run} (
    id integer primary key autoincrement,
    name text not null,
    active_name text unique,
    status text not null,
    reason_code text,
    reason text,
    table_name text not null,
    definition_hash text not null,
    table_hash text not null,
    transform_hash text,
    pass integer not null,
    estimated_rows integer not null,
    verification text,
    journal_days integer,
    follow text,
    postponed_until text,
    batch_rows integer,
    delay_ms integer,
    target_ms integer,
    created_at text not null,
    started_at text,
    finished_at text)`,
  sql`create table if not exists ${tables.checkpoint} (
    run_id integer not null references ${unqualified(tables.run)} (id),
    shard integer not null,
    status text not null,
    lower_key text,
    upper_key text,
    cursor_key text,
    seq integer not null,
    epoch integer not null,
    claim text,
    worker text,
    lease_ms integer not null,
    lease_until text,
    taken_from text,
    silent_ms integer,
    batch text,
    scanned integer not null default 0,
    written integer not null default 0,
    unchanged integer not null default 0,
    skipped integer not null default 0,
    conflicts integer not null default 0,
    pass_left integer not null default 0,
    pass_written integer not null default 0,
    pass_scanned integer not null default 0,
    journal_bytes integer not null default 0,
    updated_at text not null,
    primary key (run_id, shard))`,
  sql`create table if not exists ${tables.failure} (
    run_id integer not null references ${unqualified(tables.run)} (id),
    key_hash text not null,
    row_key text not null,
    shard integer not null,
    state text not null,
    code text not null,
    step text not null,
    message text not null,
    attempts integer not null,
    at text not null,
    primary key (run_id, key_hash))`,
  sql`create table if not exists ${tables.journal} (
    id integer primary key autoincrement,
    run_id integer not null references ${unqualified(tables.run)} (id),
    table_name text,
    row_key text not null,
    written text not null,
    before_image text not null,
    after_image text not null)`,
  sql`create index if not exists ${indexOf(tables.journal, 'run')} on ${unqualified(tables.journal)} (run_id)`,
  sql`create table if not exists ${tables.change} (
    id integer primary key autoincrement,
    follower text not null,
    row_key text not null)`,
  sql`create index if not exists ${indexOf(tables.change, 'follower')} on ${unqualified(tables.change)} (follower)`,
  sql`create table if not exists ${tables.budget} (
    day text not null primary key,
    rows_taken integer not null)`,
  sql`create table if not exists ${tables.schemaVersion} (
    table_name text not null primary key,
    version text not null,
    fingerprint text not null,
    table_columns text not null,
    migration text,
    recorded_at text not null)`,
]

/** One format for all times, so that they compare as texts: 2026-11-21T04:06:00.123Z */
const format = sql`'%Y-%m-%dT%H:%M:%fZ'`

const stateSpelling: StateSpelling = {
  ...spelling,
  // 'now' is the clock at this statement.
  now: sql`strftime(${format}, 'now')`,
  after: (milliseconds) => sql`strftime(${format}, 'now', printf('%+.3f seconds', ${milliseconds} / 1000.0))`,
  millisecondsSince: (column) => sql`cast((julianday('now') - julianday(${column})) * 86400000 as integer)`,
  timeText: (column) => column,
  // A transaction that writes is alone.
  forUpdate: sql``,
  forUpdateSkipLocked: sql``,
  forRead: sql``,
  keepOnConflict: () => sql`on conflict do nothing`,
  hasTable: ({ schema = 'main' }, _table, name) =>
    sql`select 1 from ${sql.id(schema, 'sqlite_master')} where type = 'table' and name = ${name}`,
  createTables,
}

export const state = sharedState(stateSpelling)

export const texts = sharedTexts({
  ...stateSpelling,
  literal: (text) => `'${text.replaceAll("'", "''")}'`,
  gate: (conditions) => gateByCheck(sql`drop table if exists ${sql.id('temp', 'rowshift_gate')}`, conditions),
})
