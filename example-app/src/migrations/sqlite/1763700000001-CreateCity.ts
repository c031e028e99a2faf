import { recordVersion } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'

/** City 1.0.0. */
export class CreateCity1763700000001 implements MigrationInterface {
  name = 'CreateCity1763700000001'

  async up(queryRunner: QueryRunner): Promise<void> {
    // The table "city".
    await queryRunner.query(
      `CREATE TABLE "city" ("id" integer PRIMARY KEY NOT NULL, "name" varchar(150) NOT NULL, "country" varchar(2) NOT NULL, "admin1" varchar(20) NOT NULL, "lat" double precision NOT NULL, "lng" double precision NOT NULL, "population" integer)`,
    )

    await recordVersion(queryRunner, 'city', '1.0.0', this.name)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "city"`)
    await recordVersion(queryRunner, 'city', undefined)
  }
}
