import { type Sql, sql } from '../sql.js'
import { gateByCheck, type StateSpelling, type StateTables, sharedState, sharedTexts } from '../state/index.js'
import { spelling } from './spelling.js'

/*
 * Names, keys and tokens are compared by their bytes. Without foreign keys: to insert a failure would lock the run's row, which
 * a worker that finishes the run holds while it waits for the one that inserts.
 */

const name = sql.raw('varchar(200) character set utf8mb4 collate utf8mb4_bin')
const key = sql.raw('longtext character set utf8mb4 collate utf8mb4_bin')
const note = sql.raw('longtext character set utf8mb4')
const token = sql.raw('varchar(64) character set ascii collate ascii_bin')
const time = sql.raw('datetime(6)')

const create = (table: Sql, columns: Sql): Sql =>
  sql`create table if not exists ${table} (${columns}) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin`

const createTables = (tables: StateTables) => [
  create(
    tables.run,
    sql`
    id bigint not null auto_increment primary key,
    name ${name} not null,
    active_name ${name} unique,
    status ${token} not null,
    reason_code ${token},
    reason ${note},
    table_name ${note} not null,
    definition_hash ${token} not null,
    table_hash ${token} not null,
    transform_hash ${token},
    pass integer not null,
    estimated_rows bigint not null,
    verification ${note},
    journal_days integer,
    follow ${token},
    postponed_until ${time},
    batch_rows integer,
    delay_ms integer,
    target_ms integer,
    created_at ${time} not null,
    started_at ${time},
    finished_at ${time},
    key (name)`,
  ),
  create(
    tables.checkpoint,
    sql`
    run_id bigint not null,
    shard integer not null,
    status ${token} not null,
    lower_key ${key},
    upper_key ${key},
    cursor_key ${key},
    seq bigint not null,
    epoch bigint not null,
    claim ${token},
    worker ${name},
    lease_ms integer not null,
    lease_until ${time},
    taken_from ${name},
    silent_ms bigint,
    batch ${token},
    scanned bigint not null default 0,
    written bigint not null default 0,
    unchanged bigint not null default 0,
    skipped bigint not null default 0,
    conflicts bigint not null default 0,
    pass_left bigint not null default 0,
    pass_written bigint not null default 0,
    pass_scanned bigint not null default 0,
    journal_bytes bigint not null default 0,
    updated_at ${time} not null,
    primary key (run_id, shard)`,
  ),
  create(
    tables.failure,
    sql`
    run_id bigint not null,
    key_hash ${token} not null,
    row_key ${key} not null,
    shard integer not null,
    state ${token} not null,
    code ${token} not null,
    step ${token} not null,
    message ${note} not null,
    attempts integer not null,
    at ${time} not null,
    primary key (run_id, key_hash)`,
  ),
  create(
    tables.journal,
    sql`
    run_id bigint not null,
    id bigint not null auto_increment,
    table_name ${note},
    row_key ${key} not null,
    written ${note} not null,
    before_image ${note} not null,
    after_image ${note} not null,
    primary key (run_id, id),
    key (id)`,
  ),
  create(
    tables.change,
    sql`
    id bigint not null auto_increment primary key,
    follower ${token} not null,
    row_key ${key} not null,
    key (follower)`,
  ),
  create(
    tables.budget,
    sql`
    day ${token} not null primary key,
    rows_taken bigint not null`,
  ),
  create(
    tables.schemaVersion,
    sql`
    table_name ${name} not null primary key,
    version ${token} not null,
    fingerprint ${token} not null,
    table_columns ${note} not null,
    migration ${note},
    recorded_at ${time} not null`,
  ),
]

const stateSpelling: StateSpelling = {
  ...spelling,
  now: sql`utc_timestamp(6)`,
  after: (milliseconds) => sql`utc_timestamp(6) + interval 1000 * ${milliseconds} microsecond`,
  millisecondsSince: (column) => sql`timestampdiff(microsecond, ${column}, utc_timestamp(6)) div 1000`,
  timeText: (column) => sql`concat(left(date_format(${column}, '%Y-%m-%dT%H:%i:%s.%f'), 23), 'Z')`,
  forUpdate: sql`for update`,
  forUpdateSkipLocked: sql`for update skip locked`,
  forRead: sql``,
  keepOnConflict: (column) => sql`on duplicate key update ${column} = ${column}`,
  hasTable: (names, _table, table) =>
    sql`select 1 from information_schema.tables as t
      where t.table_schema = ${names.schema ?? sql`database()`} and t.table_name = ${table}`,
  createTables,
}

export const state = sharedState(stateSpelling)

/** Under REPEATABLE READ only a locking read sees what others have committed since the transaction's first read. */
export const enclosedState = sharedState({ ...stateSpelling, forRead: sql`lock in share mode` })

export const texts = sharedTexts({
  ...stateSpelling,
  literal: (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
  gate: (conditions) => gateByCheck(sql`drop temporary table if exists ${sql.id('rowshift_gate')}`, conditions),
})
