import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { codeOf, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { createCities } from '../support/city-table.js'
import { expireLease } from '../support/counted-cities.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { followedSlugWhereNull, staleCities, tracesOf } from '../support/follow.js'
import { requireCompleted } from '../support/migration-calls.js'

const dyingFollow = join(__dirname, 'fixtures/dying-follow.ts')
const backfill = followedSlugWhereNull()

async function isKilled(database: TestDatabase, part: 'run' | 'gate', point: ProtocolPoint): Promise<void> {
  const child = runChild(dyingFollow, [JSON.stringify(database), part, JSON.stringify(point)])
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

const gate = (dataSource: DataSource) => requireCompleted(dataSource, backfill)

const deaths: Record<string, ProtocolPoint> = {
  'while its triggers are made': { label: 'follow', when: 'after', nth: 4 },
  'when the keys noted are taken up': { label: 'delete-notes', when: 'after' },
  'after the keys noted were taken up': { label: 'commit', when: 'after', since: 'delete-notes' },
}

for (const [moment, point] of Object.entries(deaths)) {
  contractTest(`follows every change when it is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 50)
    await isKilled(database, 'run', point)
    await expireLease(dataSource)
    await dataSource.query(`update city set name = 'After' where id = 7`)
    expect(await runBackfill(dataSource, backfill)).toMatchObject({ status: 'completed', counts: { failures: 0 } })
    expect(await staleCities(dataSource)).toEqual([])
    await gate(dataSource)
    expect(await tracesOf(dataSource, database.name)).toEqual([])
  })
}

const deathsAtGate: Record<string, ProtocolPoint> = {
  'when it computes the last rows': { label: 'fence', when: 'after', since: 'delete-notes' },
  'before the run says that it follows no more': { label: 'drop-notes', when: 'before' },
}

for (const [moment, point] of Object.entries(deathsAtGate)) {
  contractTest(`opens the gate for true columns only when it is killed there, ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 50)
    await runBackfill(dataSource, backfill)
    await dataSource.query(`update city set name = 'Late' where id = 7`)
    await isKilled(database, 'gate', point)
    await expireLease(dataSource)
    await dataSource.query(`update city set name = 'Later' where id = 8`)
    // Where triggers cannot go with the migration's transaction, that change was not noted, and nothing pretends it was.
    if (database.name === 'mariadb' && point.label === 'drop-notes') {
      expect(await codeOf(gate(dataSource))).toBe('FOLLOW_LOST')
      await runBackfill(dataSource, backfill)
    }
    await gate(dataSource)
    expect(await staleCities(dataSource)).toEqual([])
    expect(await tracesOf(dataSource, database.name)).toEqual([])
  })
}
