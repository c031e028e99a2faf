import { backfill, changeSchema, recordVersion, undo } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV2_0_0 } from '../../backfills/city-2.0.0.js'

/**
 * City 1.0.0 to 2.0.0.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class AddCitySlug1763700000002 implements MigrationInterface {
  name = 'AddCitySlug1763700000002'

  async up(queryRunner: QueryRunner): Promise<void> {
    // "slug": new, nullable until every row has a value.
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" ADD "slug" character varying(150)`,
      `ALTER TABLE "city" ADD CONSTRAINT "UQ_12c33d73f8702451fe40e4387ef" UNIQUE ("slug")`,
    )

    // Fills the rows that are there. Whatever happens, each is written once or listed with its reason.
    await backfill(queryRunner, cityV2_0_0)

    // Statistics of "city" for the planner: most of its rows have been written.
    await changeSchema(queryRunner, `ANALYZE "city"`)

    // "slug": every row has a value, and new ones must.
    await changeSchema(queryRunner, `ALTER TABLE "city" ALTER COLUMN "slug" SET NOT NULL`)

    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(queryRunner, `ALTER TABLE "city" ALTER COLUMN "slug" DROP NOT NULL`)
    await undo(queryRunner, cityV2_0_0)
    await changeSchema(
      queryRunner,
      `ALTER TABLE "city" DROP CONSTRAINT "UQ_12c33d73f8702451fe40e4387ef"`,
      `ALTER TABLE "city" DROP COLUMN "slug"`,
    )
    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }
}
