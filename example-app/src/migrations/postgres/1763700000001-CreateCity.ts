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
      `CREATE TABLE "city" ("id" integer NOT NULL, "name" character varying(150) NOT NULL, "country" character varying(2) NOT NULL, "admin1" character varying(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer, CONSTRAINT "PK_b222f51ce26f7e5ca86944a6739" PRIMARY KEY ("id"))`,
    )

    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await changeSchema(queryRunner, `DROP TABLE "city"`)
    await recordVersion(queryRunner, 'city', undefined)
  }
}
