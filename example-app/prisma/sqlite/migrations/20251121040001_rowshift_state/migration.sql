-- rowshift:state
-- Where rowshift keeps its runs. Made by the first migration that needs it.
create table if not exists "rowshift_run" (
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
    finished_at text);

create table if not exists "rowshift_checkpoint" (
    run_id integer not null references "rowshift_run" (id),
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
    primary key (run_id, shard));

create table if not exists "rowshift_failure" (
    run_id integer not null references "rowshift_run" (id),
    key_hash text not null,
    row_key text not null,
    shard integer not null,
    state text not null,
    code text not null,
    step text not null,
    message text not null,
    attempts integer not null,
    at text not null,
    primary key (run_id, key_hash));

create table if not exists "rowshift_journal" (
    id integer primary key autoincrement,
    run_id integer not null references "rowshift_run" (id),
    table_name text,
    row_key text not null,
    written text not null,
    before_image text not null,
    after_image text not null);

create index if not exists "rowshift_journal_run" on "rowshift_journal" (run_id);

create table if not exists "rowshift_change" (
    id integer primary key autoincrement,
    follower text not null,
    row_key text not null);

create index if not exists "rowshift_change_follower" on "rowshift_change" (follower);

create table if not exists "rowshift_budget" (
    day text not null primary key,
    rows_taken integer not null);

create table if not exists "rowshift_schema_version" (
    table_name text not null primary key,
    version text not null,
    fingerprint text not null,
    table_columns text not null,
    migration text,
    recorded_at text not null);

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, recorded_at)
    values ('(rowshift state tables)', '1', '', '[]', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) on conflict do nothing;
