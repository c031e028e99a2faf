-- City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne.
-- rowshift:gate city@3.0.0

-- Fails until every row is filled.
drop table if exists "temp"."rowshift_gate";

create temporary table "rowshift_gate" (is_completed integer not null, is_clear integer not null,
  constraint "run of city@3.0.0 is not done: rowshift status" check (is_completed = 1),
  constraint "rows match city@3.0.0 again: rowshift run" check (is_clear = 1));

insert into "rowshift_gate" (is_completed, is_clear)
  select case when (exists (select 1 from "rowshift_run" where id = (select max(id) from "rowshift_run" where name = 'city@3.0.0') and status = 'completed'
    and coalesce(follow, 'over') = 'over')
    and not exists (select 1 from "rowshift_failure" where run_id = (select max(id) from "rowshift_run" where name = 'city@3.0.0') and state = 'failed')) then 1 else 0 end,
    case when (select count(*) from "city" where "search_name" is null)
    <= (select coalesce(sum(pass_left), 0) from "rowshift_checkpoint" where run_id = (select max(id) from "rowshift_run" where name = 'city@3.0.0')) then 1 else 0 end;

drop table if exists "temp"."rowshift_gate";

-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_city" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "admin1" TEXT NOT NULL,
    "lat" REAL NOT NULL,
    "lng" REAL NOT NULL,
    "population" INTEGER,
    "slug" TEXT NOT NULL,
    "search_name" TEXT NOT NULL,
    "geohash" TEXT NOT NULL
);
INSERT INTO "new_city" ("admin1", "country", "geohash", "id", "lat", "lng", "name", "population", "search_name", "slug") SELECT "admin1", "country", "geohash", "id", "lat", "lng", "name", "population", "search_name", "slug" FROM "city";
DROP TABLE "city";
ALTER TABLE "new_city" RENAME TO "city";
CREATE UNIQUE INDEX "city_slug_key" ON "city"("slug");
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;

-- What the tables have become.
delete from "rowshift_schema_version" where table_name = 'city';

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '3.0.0', '', '[]', 'city-search_contract', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
