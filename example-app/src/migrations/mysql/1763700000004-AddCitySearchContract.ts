import { changeSchema, recordVersion, requireCompleted } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { cityV3_0_0 } from '../../backfills/city-3.0.0.js'

/**
 * City 2.0.0 to 3.0.0. Second half: the gate, and behind it what the old version would not have borne.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class AddCitySearchContract1763700000004 implements MigrationInterface {
  name = 'AddCitySearchContract1763700000004'

  async up(queryRunner: QueryRunner): Promise<void> {
    // Refuses to go on until every row is filled and verified.
    await requireCompleted(queryRunner, cityV3_0_0)

    // "search_name", "geohash": every row has a value, and new ones must.
    // Writers go on; a table that cannot be changed so is refused and stays as it is.
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` CHANGE \`search_name\` \`search_name\` varchar(150) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE`,
      `ALTER TABLE \`city\` CHANGE \`geohash\` \`geohash\` varchar(9) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE`,
    )

    // Statistics of "city" for the planner: most of its rows have been written.
    await changeSchema(queryRunner, `ANALYZE TABLE \`city\``)

    await recordVersion(queryRunner, 'city', '3.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(
      queryRunner,
      `ALTER TABLE \`city\` CHANGE \`geohash\` \`geohash\` varchar(9) NULL, ALGORITHM=INPLACE, LOCK=NONE`,
      `ALTER TABLE \`city\` CHANGE \`search_name\` \`search_name\` varchar(150) NULL, ALGORITHM=INPLACE, LOCK=NONE`,
    )
    await recordVersion(queryRunner, 'city', '2.0.0', this.name)
  }
}
