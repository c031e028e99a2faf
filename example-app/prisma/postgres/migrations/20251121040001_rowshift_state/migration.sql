-- rowshift:state
-- Where rowshift keeps its runs. Made by the first migration that needs it.
create table if not exists "rowshift_run" (
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
    finished_at timestamptz);

create table if not exists "rowshift_checkpoint" (
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
    primary key (run_id, shard));

create table if not exists "rowshift_failure" (
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
    primary key (run_id, key_hash));

create table if not exists "rowshift_journal" (
    run_id bigint not null,
    id bigint generated always as identity,
    table_name text collate "C",
    row_key text collate "C" not null,
    written text not null,
    before_image text not null,
    after_image text not null,
    primary key (run_id, id));

create table if not exists "rowshift_change" (
    follower char(16) collate "C" not null,
    id uuid not null default gen_random_uuid(),
    row_key text collate "C" not null,
    primary key (follower, id));

create table if not exists "rowshift_budget" (
    day varchar(10) collate "C" primary key,
    rows_taken bigint not null);

create table if not exists "rowshift_schema_version" (
    table_name varchar(200) collate "C" primary key,
    version varchar(40) not null,
    fingerprint varchar(64) not null,
    table_columns text not null,
    migration varchar(255),
    recorded_at timestamptz not null);

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, recorded_at)
    values ('(rowshift state tables)', '1', '', '[]', clock_timestamp()) on conflict do nothing;
