import { changeSchema, recordVersion, requireCompleted } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/**
 * City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class AddCitySearchContract1763700000005 implements MigrationInterface {
  name = 'AddCitySearchContract1763700000005'

  async up(queryRunner: QueryRunner): Promise<void> {
    // Refuses to go on until every row is filled and verified.
    await requireCompleted(queryRunner, cityV3_0_0)

    // "search_name", "geohash": every row has a value, and new ones must.
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" ALTER COLUMN "search_name" SET NOT NULL`,
      `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_search_name_not_null"`,
      `ALTER TABLE "city" ALTER COLUMN "geohash" SET NOT NULL`,
      `ALTER TABLE "city" DROP CONSTRAINT IF EXISTS "rowshift_geohash_not_null"`,
    )

    await recordVersion(queryRunner, 'city', '3.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" ALTER COLUMN "geohash" DROP NOT NULL`,
      `ALTER TABLE "city" ALTER COLUMN "search_name" DROP NOT NULL`,
    )
    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }
}
