-- City 2.0.0 to 3.0.0. First half: whatever permits more, so that rows of both versions fit.
-- rowshift:schedule city@3.0.0

-- AlterTable
ALTER TABLE `city` ADD COLUMN `geohash` VARCHAR(191) NULL,
    ADD COLUMN `search_name` VARCHAR(191) NULL;

-- Background workers fill the rows: rowshift work.
insert into `rowshift_run` (name, active_name, status, table_name, definition_hash, table_hash, estimated_rows, pass,
    verification, created_at, finished_at)
  select 'city@3.0.0', case when found.has_rows = 1 then 'city@3.0.0' else null end, case when found.has_rows = 1 then 'scheduled' else 'completed' end, 'city', '', '', 0, 0,
    case when found.has_rows = 1 then null else '{"isPassed":true,"remaining":0,"checked":0,"refused":[],"shared":[],"recomputed":null,"assertions":[]}' end, utc_timestamp(6), case when found.has_rows = 1 then null else utc_timestamp(6) end
  from (select case when exists (select 1 from `city`) then 1 else 0 end as has_rows) as found
  where found.has_rows >= 0
  on duplicate key update active_name = active_name;
