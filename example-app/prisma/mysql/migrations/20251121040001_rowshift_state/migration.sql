-- rowshift:state
-- Where rowshift keeps its runs. Made by the first migration that needs it.
create table if not exists `rowshift_run` (
    id bigint not null auto_increment primary key,
    name varchar(200) character set utf8mb4 collate utf8mb4_bin not null,
    active_name varchar(200) character set utf8mb4 collate utf8mb4_bin unique,
    status varchar(64) character set ascii collate ascii_bin not null,
    reason_code varchar(64) character set ascii collate ascii_bin,
    reason longtext character set utf8mb4,
    table_name longtext character set utf8mb4 not null,
    definition_hash varchar(64) character set ascii collate ascii_bin not null,
    table_hash varchar(64) character set ascii collate ascii_bin not null,
    transform_hash varchar(64) character set ascii collate ascii_bin,
    pass integer not null,
    estimated_rows bigint not null,
    verification longtext character set utf8mb4,
    journal_days integer,
    follow varchar(64) character set ascii collate ascii_bin,
    postponed_until datetime(6),
    batch_rows integer,
    delay_ms integer,
    target_ms integer,
    created_at datetime(6) not null,
    started_at datetime(6),
    finished_at datetime(6),
    key (name)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_checkpoint` (
    run_id bigint not null,
    shard integer not null,
    status varchar(64) character set ascii collate ascii_bin not null,
    lower_key longtext character set utf8mb4 collate utf8mb4_bin,
    upper_key longtext character set utf8mb4 collate utf8mb4_bin,
    cursor_key longtext character set utf8mb4 collate utf8mb4_bin,
    seq bigint not null,
    epoch bigint not null,
    claim varchar(64) character set ascii collate ascii_bin,
    worker varchar(200) character set utf8mb4 collate utf8mb4_bin,
    lease_ms integer not null,
    lease_until datetime(6),
    taken_from varchar(200) character set utf8mb4 collate utf8mb4_bin,
    silent_ms bigint,
    batch varchar(64) character set ascii collate ascii_bin,
    scanned bigint not null default 0,
    written bigint not null default 0,
    unchanged bigint not null default 0,
    skipped bigint not null default 0,
    conflicts bigint not null default 0,
    pass_left bigint not null default 0,
    pass_written bigint not null default 0,
    pass_scanned bigint not null default 0,
    journal_bytes bigint not null default 0,
    updated_at datetime(6) not null,
    primary key (run_id, shard)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_failure` (
    run_id bigint not null,
    key_hash varchar(64) character set ascii collate ascii_bin not null,
    row_key longtext character set utf8mb4 collate utf8mb4_bin not null,
    shard integer not null,
    state varchar(64) character set ascii collate ascii_bin not null,
    code varchar(64) character set ascii collate ascii_bin not null,
    step varchar(64) character set ascii collate ascii_bin not null,
    message longtext character set utf8mb4 not null,
    attempts integer not null,
    at datetime(6) not null,
    primary key (run_id, key_hash)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_journal` (
    run_id bigint not null,
    id bigint not null auto_increment,
    table_name longtext character set utf8mb4,
    row_key longtext character set utf8mb4 collate utf8mb4_bin not null,
    written longtext character set utf8mb4 not null,
    before_image longtext character set utf8mb4 not null,
    after_image longtext character set utf8mb4 not null,
    primary key (run_id, id),
    key (id)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_change` (
    id bigint not null auto_increment primary key,
    follower varchar(64) character set ascii collate ascii_bin not null,
    row_key longtext character set utf8mb4 collate utf8mb4_bin not null,
    key (follower)) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_budget` (
    day varchar(64) character set ascii collate ascii_bin not null primary key,
    rows_taken bigint not null) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

create table if not exists `rowshift_schema_version` (
    table_name varchar(200) character set utf8mb4 collate utf8mb4_bin not null primary key,
    version varchar(64) character set ascii collate ascii_bin not null,
    fingerprint varchar(64) character set ascii collate ascii_bin not null,
    table_columns longtext character set utf8mb4 not null,
    migration longtext character set utf8mb4,
    recorded_at datetime(6) not null) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;

insert into `rowshift_schema_version` (table_name, version, fingerprint, table_columns, recorded_at)
    values ('(rowshift state tables)', '1', '', '[]', utc_timestamp(6)) on duplicate key update table_name = table_name;
