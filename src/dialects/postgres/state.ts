import { type Sql, sql } from '../sql.js'
import { type StateSpelling, type StateTables, sharedState, sharedTexts } from '../state/index.js'
import { pathOf } from './rows.js'
import { spelling } from './spelling.js'

/** 'rowshift' in ASCII: the key of the advisory lock that lets one process create the state tables. */
const creationLock = '8245937404367956596'

/**
 * Without foreign keys: to insert a failure would lock the run's row, which a pause holds while it waits for the batch that
 * inserts.
 */
const createTables = (tables: StateTables) => [
  sql`create table if not exists ${tables.run} (
    id bigint generated always as identity primary key,
    name varchar(200) collate "C" not null,
    active_name varchar(200) collate "C" unique,
    status varchar(20) collate "C" not null,
    reason_code varchar(40),
    reason text,
    table_name text not null,
    definition_hash varchar(64) not null,
    table_hash varchar(64) not null,
    transform_hash varchar(64),
    pass integer not null,
    estimated_rows bigint not null,
    verification text,
    journal_days integer,
    follow varchar(10),
    postponed_until timestamptz,
    batch_rows integer,
    delay_ms integer,
    target_ms integer,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz)`,
  sql`create table if not exists ${tables.checkpoint} (
    run_id bigint not null,
    shard integer not null,
    status varchar(10) collate "C" not null,
    lower_key text collate "C",
    upper_key text collate "C",
    cursor_key text collate "C",
    seq bigint not null,
    epoch bigint not null,
    claim varchar(36) collate "C",
    worker varchar(200),
    lease_ms integer not null,
    lease_until timestamptz,
    taken_from varchar(200),
    silent_ms bigint,
    batch varchar(36) collate "C",
    scanned bigint not null default 0,
    written bigint not null default 0,
    unchanged bigint not null default 0,
    skipped bigint not null default 0,
    conflicts bigint not null default 0,
    pass_left bigint not null default 0,
    pass_written bigint not null default 0,
    pass_scanned bigint not null default 0,
    journal_bytes bigint not null default 0,
    updated_at timestamptz not null,
    primary key (run_id, shard))`,
  sql`create table if not exists ${tables.failure} (
    run_id bigint not null,
    key_hash char(64) collate "C" not null,
    row_key text collate "C" not null,
    shard integer not null,
    state varchar(10) collate "C" not null,
    code varchar(40) not null,
    step varchar(20) not null,
    message text not null,
    attempts integer not null,
    at timestamptz not null,
    primary key (run_id, key_hash))`,
  sql`create table if not exists ${tables.journal} (
    run_id bigint not null,
    id bigint generated always as identity,
    table_name text collate "C",
    row_key text collate "C" not null,
    written text not null,
    before_image text not null,
    after_image text not null,
    primary key (run_id, id))`,
  // Not numbered by a sequence: lastval() of the application that writes would be ours.
  sql`create table if not exists ${tables.change} (
    follower char(16) collate "C" not null,
    id uuid not null default gen_random_uuid(),
    row_key text collate "C" not null,
    primary key (follower, id))`,
  sql`create table if not exists ${tables.budget} (
    day varchar(10) collate "C" primary key,
    rows_taken bigint not null)`,
  sql`create table if not exists ${tables.schemaVersion} (
    table_name varchar(200) collate "C" primary key,
    version varchar(40) not null,
    fingerprint varchar(64) not null,
    table_columns text not null,
    migration varchar(255),
    recorded_at timestamptz not null)`,
]

const stateSpelling: StateSpelling = {
  ...spelling,
  now: sql`clock_timestamp()`,
  after: (milliseconds) => sql`clock_timestamp() + ${milliseconds} * interval '1 millisecond'`,
  millisecondsSince: (column) => sql`cast(extract(epoch from clock_timestamp() - ${column}) * 1000 as bigint)`,
  timeText: (column) => sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  forUpdate: sql`for update`,
  forUpdateSkipLocked: sql`for update skip locked`,
  forRead: sql``,
  keepOnConflict: () => sql`on conflict do nothing`,
  hasTable: (_names, table) => {
    return sql`select 1 where to_regclass(${pathOf(table)}) is not null`
  },
  tryCreationLock: sql`select case when pg_try_advisory_xact_lock(${sql.raw(creationLock)}) then 1 else 0 end`,
  createTables,
}

export const state = sharedState(stateSpelling)

/** A message in the format that RAISE takes. */
const raise = (message: string, hint: string): Sql =>
  sql`raise exception ${message.replaceAll('%', '%%')} using hint = ${hint}`

export const texts = sharedTexts({
  ...stateSpelling,
  literal: (text) => `'${text.replaceAll("'", "''")}'`,
  // Looked at before the lock: writers need not wait for a gate that is shut.
  gate: ({ name, table, isCompleted, isClear }) => [
    sql`do $rowshift$
begin
  if not ${isCompleted} then
    ${raise(`the gate of ${name} is shut: its run is not done, or lists failures`, 'See rowshift status, let rowshift work finish it, then migrate again.')};
  end if;
  lock table ${table} in share row exclusive mode;
  if not ${isClear} then
    ${raise(`the gate of ${name} is shut: rows match again`, 'Deploy the code that fills the new columns, then rowshift run, then migrate again.')};
  end if;
end
$rowshift$`,
  ],
})
