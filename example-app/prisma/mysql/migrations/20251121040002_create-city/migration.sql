-- City 1.0.0.

-- CreateTable
CREATE TABLE `city` (
    `id` INTEGER NOT NULL,
    `name` VARCHAR(191) NOT NULL,
    `country` VARCHAR(191) NOT NULL,
    `admin1` VARCHAR(191) NOT NULL,
    `lat` DOUBLE NOT NULL,
    `lng` DOUBLE NOT NULL,
    `population` INTEGER NULL,

    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- What the tables have become.
delete from `rowshift_schema_version` where table_name = 'city';

insert into `rowshift_schema_version` (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values ('city', '1.0.0', '', '[]', 'create-city', utc_timestamp(6));
