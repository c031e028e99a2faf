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
    // Without touching a row; a table that cannot be changed so is refused.
    // Writers go on; a table that cannot be changed so is refused and stays as it is.
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` ADD \`slug\` varchar(150) NULL, ALGORITHM=INSTANT`,
      `ALTER TABLE \`city\` ADD UNIQUE INDEX \`IDX_12c33d73f8702451fe40e4387e\` (\`slug\`), ALGORITHM=INPLACE, LOCK=NONE`,
    )

    // Fills the rows that are there. Whatever happens, each is written once or listed with its reason.
    await backfill(queryRunner, cityV2_0_0)

    // "slug": every row has a value, and new ones must.
    // Writers go on; a table that cannot be changed so is refused and stays as it is.
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` CHANGE \`slug\` \`slug\` varchar(150) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE`,
    )

    // Statistics of "city" for the planner: most of its rows have been written.
    await changeSchema(queryRunner, `ANALYZE TABLE \`city\``)

    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` CHANGE \`slug\` \`slug\` varchar(150) NULL, ALGORITHM=INPLACE, LOCK=NONE`,
    )
    await undo(queryRunner, cityV2_0_0)
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` DROP INDEX \`IDX_12c33d73f8702451fe40e4387e\``,
      `ALTER TABLE \`city\` DROP COLUMN \`slug\`, LOCK=NONE`,
    )
    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }
}
