import { changeSchema, recordVersion } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'

/**
 * City 1.0.0.
 *
 * `changeSchema` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */
export class CreateCity1763700000001 implements MigrationInterface {
  name = 'CreateCity1763700000001'

  async up(queryRunner: QueryRunner): Promise<void> {
    // The table "city".
    await changeSchema(
      queryRunner,
      `CREATE TABLE \`city\` (\`id\` int NOT NULL, \`name\` varchar(150) NOT NULL, \`country\` varchar(2) NOT NULL, \`admin1\` varchar(20) NOT NULL, \`lat\` double NOT NULL, \`lng\` double NOT NULL, \`population\` int NULL, PRIMARY KEY (\`id\`)) ENGINE=InnoDB`,
    )

    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(queryRunner, `DROP TABLE \`city\``)
    await recordVersion(queryRunner, 'city', undefined)
  }
}
