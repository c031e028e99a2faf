import { recordVersion, requireCompleted } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/** City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne. */
export class AddCitySearchContract1763700000004 implements MigrationInterface {
  name = 'AddCitySearchContract1763700000004'

  async up(queryRunner: QueryRunner): Promise<void> {
    // Refuses to go on until every row is filled and verified.
    await requireCompleted(queryRunner, cityV3_0_0)

    // "search_name", "geohash": every row has a value, and new ones must.
    await queryRunner.query(
      `CREATE TABLE "temporary_city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150) NOT NULL, "search_name" varchar(150) NOT NULL, "geohash" varchar(9) NOT NULL, CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "temporary_city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug", "search_name", "geohash") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug", "search_name", "geohash" FROM "city"`,
    )
    await queryRunner.query(`DROP TABLE "city"`)
    await queryRunner.query(`ALTER TABLE "temporary_city" RENAME TO "city"`)

    // Statistics of "city" for the planner: most of its rows have been written.
    await queryRunner.query(`ANALYZE "city"`)

    await recordVersion(queryRunner, 'city', '3.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "city" RENAME TO "temporary_city"`)
    await queryRunner.query(
      `CREATE TABLE "city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, "slug" varchar(150) NOT NULL, "search_name" varchar(150), "geohash" varchar(9), CONSTRAINT "UQ_5ecbc19c275fd09b4104dc2c5d0" UNIQUE ("slug"))`,
    )
    await queryRunner.query(
      `INSERT INTO "city"("id", "name", "country", "admin1", "lat", "lng", "population", "slug", "search_name", "geohash") SELECT "id", "name", "country", "admin1", "lat", "lng", "population", "slug", "search_name", "geohash" FROM "temporary_city"`,
    )
    await queryRunner.query(`DROP TABLE "temporary_city"`)
    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }
}
