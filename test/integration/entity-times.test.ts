import { Column, Entity, PrimaryColumn } from 'typeorm'
import { expect } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { typeormTest } from '../support/databases.js'
import { inTimeZone } from '../support/time-zone.js'

inTimeZone('America/New_York')

typeormTest('keeps the moments of an entity that is stored without a zone', async (database) => {
  const type = bySql(database.name, { sqlite: 'datetime', postgres: 'timestamp', mariadb: 'datetime' } as const)
  @Entity('visit')
  class Visit {
    @PrimaryColumn({ type: 'int' }) id!: number
    @Column({ type, precision: database.name === 'sqlite' ? undefined : 3 }) at!: Date
    @Column({ type, precision: database.name === 'sqlite' ? undefined : 3, nullable: true }) later!: Date | null
  }
  const dataSource = await database.connect({ entities: [Visit], synchronize: true })
  const visits = dataSource.getRepository(Visit)
  const moments = [new Date('2026-07-01T03:30:00.123Z'), new Date('2026-01-01T00:00:00.000Z')]
  await visits.save(moments.map((at, id) => ({ id, at, later: null })))
  const seen: Date[] = []
  const result = await runBackfill(
    dataSource,
    defineBackfill({
      name: 'visit.later',
      table: Visit,
      select: { at: true },
      write: { later: true },
      where: { later: null },
      transform(row) {
        seen.push(row.at)
        return { later: new Date(row.at.getTime() + 1000) }
      },
    }),
  )
  expect(new Date(2026, 0, 1).getTimezoneOffset()).toBe(300)
  expect(result).toMatchObject({ status: 'completed', counts: { written: 2 } })
  expect(seen).toEqual(moments)
  const stored = await visits.find({ order: { id: 'asc' } })
  expect(stored.map((visit) => visit.later)).toEqual(moments.map((at) => new Date(at.getTime() + 1000)))
})
