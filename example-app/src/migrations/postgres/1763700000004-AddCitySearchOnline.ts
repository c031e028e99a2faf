import { changeSchema, requireCompleted } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/**
 * City 2.0.0 to 3.0.0. Between the halves, outside a transaction: what reads whole tables, while writers go on.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class AddCitySearchOnline1763700000004 implements MigrationInterface {
  name = 'AddCitySearchOnline1763700000004'
  transaction = false

  async up(queryRunner: QueryRunner): Promise<void> {
    // Refuses to go on until every row is filled and verified.
    await requireCompleted(queryRunner, cityV3_0_0)

    // Statistics of "city" for the planner: most of its rows have been written.
    await changeSchema(queryRunner, `ANALYZE "city"`)

    // "search_name": a check is validated while writers go on; NOT NULL then needs no reading.
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_search_name_not_null"`,
      `ALTER TABLE "city" ADD CONSTRAINT "rowshift_search_name_not_null" CHECK ("search_name" IS NOT NULL) NOT VALID`,
      `ALTER TABLE "city" VALIDATE CONSTRAINT "rowshift_search_name_not_null"`,
    )

    // "geohash": a check is validated while writers go on; NOT NULL then needs no reading.
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_geohash_not_null"`,
      `ALTER TABLE "city" ADD CONSTRAINT "rowshift_geohash_not_null" CHECK ("geohash" IS NOT NULL) NOT VALID`,
      `ALTER TABLE "city" VALIDATE CONSTRAINT "rowshift_geohash_not_null"`,
    )
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(queryRunner, `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_geohash_not_null"`)
    await changeSchema(queryRunner, `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_search_name_not_null"`)
  }
}
