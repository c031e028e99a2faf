import { requireCompleted } from 'rowshift/typeorm'
import type { MigrationInterface, QueryRunner } from 'typeorm'
import { citySearch } from '../backfills/city-search.js'
import { setNullable } from '../set-nullable.js'

/** The progressive way, second half: the gate, and behind it the contract. */
export class RequireCitySearch1763700000004 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await requireCompleted(queryRunner, citySearch)

    await setNullable(queryRunner, 'city', 'search_name', false)
    await setNullable(queryRunner, 'city', 'geohash', false)
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await setNullable(queryRunner, 'city', 'geohash', true)
    await setNullable(queryRunner, 'city', 'search_name', true)
  }
}
