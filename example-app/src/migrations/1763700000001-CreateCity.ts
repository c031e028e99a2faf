import { type MigrationInterface, type QueryRunner, Table } from 'typeorm'

/** Version 1: the table as it has been in production for years. */
export class CreateCity1763700000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'city',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true },
          { name: 'name', type: 'varchar', length: '150' },
          { name: 'country', type: 'varchar', length: '2' },
          { name: 'admin1', type: 'varchar', length: '20' },
          { name: 'lat', type: 'double precision' },
          { name: 'lng', type: 'double precision' },
          { name: 'population', type: 'integer', isNullable: true },
        ],
      }),
    )
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('city')
  }
}
