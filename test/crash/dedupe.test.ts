import { join } from 'node:path'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { expireLease, readCheckpoint } from '../support/counted-cities.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { createSamePeople, ownersOf, people, samePeople } from '../support/same-people.js'

const dyingDedupe = join(__dirname, 'fixtures/dying-dedupe.ts')

async function isKilled(database: TestDatabase, point: ProtocolPoint, what: 'run' | 'undo'): Promise<void> {
  const child = runChild(dyingDedupe, [JSON.stringify(database), JSON.stringify(point), what])
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

const deaths: Record<string, ProtocolPoint> = {
  'when references are moved': { label: 'update-rows', when: 'after', nth: 2 },
  'when others are deleted': { label: 'delete-rows', when: 'after', nth: 2 },
  'right after a commit': { label: 'commit', when: 'after', since: 'delete-rows' },
}

for (const [moment, point] of Object.entries(deaths)) {
  contractTest(`no reference is lost when a run that leaves one of each is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createSamePeople(dataSource, database.name)
    await isKilled(database, point, 'run')
    const { written } = await readCheckpoint(dataSource)
    expect(await ownersOf(dataSource)).toEqual({ people: people - written, purchases: people })

    await expireLease(dataSource)
    expect(await runBackfill(dataSource, samePeople)).toMatchObject({
      status: 'completed',
      counts: { written: 30, failures: 0 },
    })
    expect(await ownersOf(dataSource)).toEqual({ people: 10, purchases: people })
  })
}

const undoDeaths: Record<string, ProtocolPoint> = {
  'when rows are created again': { label: 'restore-rows', when: 'after' },
  'right after a commit': { label: 'commit', when: 'after', since: 'delete-journal' },
}

for (const [moment, point] of Object.entries(undoDeaths)) {
  contractTest(`restores every row and every reference once when an undo is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createSamePeople(dataSource, database.name)
    await runBackfill(dataSource, samePeople)
    await isKilled(database, point, 'undo')
    expect((await ownersOf(dataSource)).purchases).toBe(people)

    await expireLease(dataSource)
    const undone = await undoInForeground({
      database: portTo(dataSource),
      definition: definitionOf(samePeople),
      run: undefined,
    })
    expect(undone).toMatchObject({ by: 'journal', result: { status: 'completed', counts: { failures: 0 } } })
    const [moved] = await dataSource.query('select count(*) as n from purchase where person_id <> id')
    expect(Number(moved.n)).toBe(0)
    expect((await ownersOf(dataSource)).people).toBe(people)
  })
}
