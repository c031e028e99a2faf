-- City 1.0.0.

-- CreateTable
CREATE TABLE "city" (
    "id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "admin1" TEXT NOT NULL,
    "lat" DOUBLE PRECISION NOT NULL,
    "lng" DOUBLE PRECISION NOT NULL,
    "population" INTEGER,

    CONSTRAINT "city_pkey" PRIMARY KEY ("id")
);

-- What the tables have become.
delete from "rowshift_schema_version" where table_name = 'city';

insert into "rowshift_schema_version" (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '1.0.0', '', '[]', 'create-city', clock_timestamp());
