import { changeSchema, schedule, undo } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/**
 * City 2.0.0 to 3.0.0. First half: new columns, and runs for background workers.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class AddCitySearch1763700000003 implements MigrationInterface {
  name = 'AddCitySearch1763700000003'

  async up(queryRunner: QueryRunner): Promise<void> {
    // "search_name", "geohash": new, nullable until every row has a value.
    // Without touching a row; a table that cannot be changed so is refused.
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` ADD \`search_name\` varchar(150) NULL, ALGORITHM=INSTANT`,
      `ALTER TABLE \`city\` ADD \`geohash\` varchar(9) NULL, ALGORITHM=INSTANT`,
    )

    // Background workers fill the rows: `rowshift work`, on as many machines as you like.
    await schedule(queryRunner, cityV3_0_0)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await undo(queryRunner, cityV3_0_0)
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` DROP COLUMN \`geohash\`, LOCK=NONE`,
      `ALTER TABLE \`city\` DROP COLUMN \`search_name\`, LOCK=NONE`,
    )
  }
}
