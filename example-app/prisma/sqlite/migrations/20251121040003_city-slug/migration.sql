-- City 1.0.0 to 2.0.0. First half: whatever permits more, so that rows of both versions fit.
-- rowshift:backfill city@2.0.0

-- AlterTable
ALTER TABLE "city" ADD COLUMN "slug" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "city_slug_key" ON "city"("slug");

-- rowshift prisma deploy fills the rows before it goes on; a table without rows needs none.
insert into "rowshift_run" (name, active_name, status, table_name, definition_hash, table_hash, estimated_rows, pass,
    verification, created_at, finished_at)
  select 'city@2.0.0', null, 'completed', 'city', '', '', 0, 0,
    '{"isPassed":true,"remaining":0,"checked":0,"refused":[],"shared":[],"recomputed":null,"assertions":[]}', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  from (select case when exists (select 1 from "city") then 1 else 0 end as has_rows) as found
  where found.has_rows = 0
  on conflict do nothing;
