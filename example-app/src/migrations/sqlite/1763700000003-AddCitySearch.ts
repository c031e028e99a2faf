import { schedule, undo } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/** City 2.0.0 to 3.0.0. First half: new columns, and runs for background workers. */
export class AddCitySearch1763700000003 implements MigrationInterface {
  name = 'AddCitySearch1763700000003'

  async up(queryRunner: QueryRunner): Promise<void> {
    // "search_name", "geohash": new, nullable until every row has a value.
    await queryRunner.query(
      `CREATE TABLE "temporary_city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150) NOT NULL, "search_name" varchar(150), "geohash" varchar(9), CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "temporary_city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug" FROM "city"`,
    )
    await queryRunner.query(`DROP TABLE "city"`)
    await queryRunner.query(`ALTER TABLE "temporary_city" RENAME TO "city"`)

    // Background workers fill the rows: `rowshift work`, on as many machines as you like.
    await schedule(queryRunner, cityV3_0_0)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await undo(queryRunner, cityV3_0_0)
    await queryRunner.query(`ALTER TABLE "city" RENAME TO "temporary_city"`)
    await queryRunner.query(
      `CREATE TABLE "city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150) NOT NULL, CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug" FROM "temporary_city"`,
    )
    await queryRunner.query(`DROP TABLE "temporary_city"`)
  }
}
