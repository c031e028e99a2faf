import { schedule, undo } from 'rowshift/typeorm'
import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm'
import { citySearch } from '../backfills/city-search.js'

/** The progressive way, first half: expand, and leave the rows to background workers. */
export class AddCitySearch1763700000003 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumns('city', [
      new TableColumn({ name: 'search_name', type: 'varchar', length: '150', isNullable: true }),
      new TableColumn({ name: 'geohash', type: 'varchar', length: '9', isNullable: true }),
    ])

    await schedule(queryRunner, citySearch)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await undo(queryRunner, citySearch)
    await queryRunner.dropColumns('city', ['search_name', 'geohash'])
  }
}
