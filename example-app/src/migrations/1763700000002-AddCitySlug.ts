import { backfill, undo } from 'rowshift/typeorm'
import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm'
import { citySlug } from '../backfills/city-slug.js'
import { setNullable } from '../set-nullable.js'

/** The inline way, for tables that are migrated in seconds: expand, backfill and contract in one migration. */
export class AddCitySlug1763700000002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const slug = { name: 'slug', type: 'varchar', length: '150', isUnique: true, isNullable: true }
    await queryRunner.addColumn('city', new TableColumn(slug))

    await backfill(queryRunner, citySlug)

    await setNullable(queryRunner, 'city', 'slug', false)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await undo(queryRunner, citySlug)
    await queryRunner.dropColumn('city', 'slug')
  }
}
