-- City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne.
-- rowshift:gate city@3.0.0

-- Fails until every row is filled.
drop temporary table if exists `rowshift_gate`;

create temporary table `rowshift_gate` (is_completed integer not null, is_clear integer not null,
  constraint `run of city@3.0.0 is not done: rowshift status` check (is_completed = 1),
  constraint `rows match city@3.0.0 again: rowshift run` check (is_clear = 1));

insert into `rowshift_gate` (is_completed, is_clear)
  select case when (exists (select 1 from `rowshift_run` where id = (select max(id) from `rowshift_run` where name = 'city@3.0.0') and status = 'completed'
    and coalesce(follow, 'over') = 'over')
    and not exists (select 1 from `rowshift_failure` where run_id = (select max(id) from `rowshift_run` where name = 'city@3.0.0') and state = 'failed')) then 1 else 0 end,
    case when (select count(*) from `city` where `search_name` is null)
    <= (select coalesce(sum(pass_left), 0) from `rowshift_checkpoint` where run_id = (select max(id) from `rowshift_run` where name = 'city@3.0.0')) then 1 else 0 end;

drop temporary table if exists `rowshift_gate`;

-- AlterTable
ALTER TABLE `city` MODIFY `search_name` VARCHAR(191) NOT NULL,
    MODIFY `geohash` VARCHAR(191) NOT NULL;

-- What the tables have become.
delete from `rowshift_schema_version` where table_name = 'city';

insert into `rowshift_schema_version` (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '3.0.0', '', '[]', 'city-search_contract', utc_timestamp(6));
