import { backfill, recordVersion, undo } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV2_0_0 } from '../../backfills/city-2.0.0.js'

/** City 1.0.0 to 2.0.0. */
export class AddCitySlug1763700000002 implements MigrationInterface {
  name = 'AddCitySlug1763700000002'

  async up(queryRunner: QueryRunner): Promise<void> {
    // "slug": new, nullable until every row has a value.
    await queryRunner.query(
      `CREATE TABLE "temporary_city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150), CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "temporary_city"("id", "name", "country", "admin1", "lat", "lng", "population") SELECT "id", "name", "country", "admin1", "lat", "lng", "population" FROM "city"`,
    )
    await queryRunner.query(`DROP TABLE "city"`)
    await queryRunner.query(`ALTER TABLE "temporary_city" RENAME TO "city"`)

    // Fills the rows that are there. Whatever happens, each is written once or listed with its reason.
    await backfill(queryRunner, cityV2_0_0)

    // "slug": every row has a value, and new ones must.
    await queryRunner.query(
      `CREATE TABLE "temporary_city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150) NOT NULL, CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "temporary_city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug" FROM "city"`,
    )
    await queryRunner.query(`DROP TABLE "city"`)
    await queryRunner.query(`ALTER TABLE "temporary_city" RENAME TO "city"`)

    // Statistics of "city" for the planner: most of its rows have been written.
    await queryRunner.query(`ANALYZE "city"`)

    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "city" RENAME TO "temporary_city"`)
    await queryRunner.query(
      `CREATE TABLE "city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150), CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug" FROM "temporary_city"`,
    )
    await queryRunner.query(`DROP TABLE "temporary_city"`)
    await undo(queryRunner, cityV2_0_0)
    await queryRunner.query(`ALTER TABLE "city" RENAME TO "temporary_city"`)
    await queryRunner.query(
      `CREATE TABLE "city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer)`,
    )
    await queryRunner.query(
      `INSERT INTO "city"("id", "name", "country", "admin1", "lat", "lng", "population") SELECT "id", "name", "country", "admin1", "lat", "lng", "population" FROM "temporary_city"`,
    )
    await queryRunner.query(`DROP TABLE "temporary_city"`)
    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }
}
