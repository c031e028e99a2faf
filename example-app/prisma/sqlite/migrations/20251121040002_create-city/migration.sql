-- City 1.0.0.

-- CreateTable
CREATE TABLE "city" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "admin1" TEXT NOT NULL,
    "lat" REAL NOT NULL,
    "lng" REAL NOT NULL,
    "population" INTEGER
);

-- What the tables have become.
delete from "rowshift_schema_version" where table_name = 'city';

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '1.0.0', '', '[]', 'create-city', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
