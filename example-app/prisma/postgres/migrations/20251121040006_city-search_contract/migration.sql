-- City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne.
-- rowshift:gate city@3.0.0

-- Fails until every row is filled.
do $rowshift$
begin
  if not (exists (select 1 from "rowshift_run" where id = (select max(id) from "rowshift_run" where name = 'city@3.0.0') and status = 'completed'
    and coalesce(follow, 'over') = 'over')
    and not exists (select 1 from "rowshift_failure" where run_id = (select max(id) from "rowshift_run" where name = 'city@3.0.0') and state = 'failed')) then
    raise exception 'the gate of city@3.0.0 is shut: its run is not done, or lists failures' using hint = 'See rowshift status, let rowshift work finish it, then migrate again.';
  end if;
  lock table "city" in share row exclusive mode;
  if not (select count(*) from "city" where "search_name" is null)
    <= (select coalesce(sum(pass_left), 0) from "rowshift_checkpoint" where run_id = (select max(id) from "rowshift_run" where name = 'city@3.0.0')) then
    raise exception 'the gate of city@3.0.0 is shut: rows match again' using hint = 'Deploy the code that fills the new columns, then rowshift run, then migrate again.';
  end if;
end
$rowshift$;

-- AlterTable
ALTER TABLE "city" ALTER COLUMN "search_name" SET NOT NULL,
ALTER COLUMN "geohash" SET NOT NULL;

-- What the tables have become.
delete from "rowshift_schema_version" where table_name = 'city';

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '3.0.0', '', '[]', 'city-search_contract', clock_timestamp());
