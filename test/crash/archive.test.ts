import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { archiveCities, archivedCities, createArchivedCities } from '../support/archived-cities.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { expireLease, readCheckpoint } from '../support/counted-cities.js'
import { contractTest, type TestDatabase } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'

const dyingArchive = join(__dirname, 'fixtures/dying-archive.ts')

const rows = 40
const all = Array.from({ length: rows }, (_, i) => i + 1)
const gone = all.filter((id) => id % 4 !== 0)

async function isKilled(database: TestDatabase, point: ProtocolPoint, what: 'run' | 'undo'): Promise<void> {
  const child = runChild(dyingArchive, [JSON.stringify(database), JSON.stringify(point), what])
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })
}

const deaths: Record<string, ProtocolPoint> = {
  'between fence and lock': { label: 'fence', when: 'after', nth: 2 },
  'when rows are copied': { label: 'copy-rows', when: 'after', nth: 2 },
  'when they are deleted': { label: 'delete-rows', when: 'after', nth: 2 },
  'right after a commit': { label: 'commit', when: 'after', nth: 2, since: 'copy-rows' },
}

for (const [moment, point] of Object.entries(deaths)) {
  contractTest(`each row is in one of two tables when an archiving run is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createArchivedCities(dataSource, database.name, rows)
    await isKilled(database, point, 'run')
    const { live, archived } = await archivedCities(dataSource)
    expect([...live, ...archived].sort((a, b) => a - b)).toEqual(all)
    expect((await readCheckpoint(dataSource)).written).toBe(archived.length)
    expect(await journaled(dataSource)).toEqual(archived)

    await expireLease(dataSource)
    expect(await runBackfill(dataSource, archiveCities)).toMatchObject({
      status: 'completed',
      counts: { written: gone.length, failures: 0 },
    })
    expect(await archivedCities(dataSource)).toEqual({ live: all.filter((id) => id % 4 === 0), archived: gone })
    expect(await journaled(dataSource)).toEqual(gone)
  })
}

const undoDeaths: Record<string, ProtocolPoint> = {
  'when rows are copied back': { label: 'copy-rows', when: 'after' },
  'right after a commit': { label: 'commit', when: 'after', since: 'delete-journal' },
}

for (const [moment, point] of Object.entries(undoDeaths)) {
  contractTest(`moves every archived row back once when an undo is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createArchivedCities(dataSource, database.name, rows)
    await runBackfill(dataSource, archiveCities)
    await isKilled(database, point, 'undo')
    const { live, archived } = await archivedCities(dataSource)
    expect([...live, ...archived].sort((a, b) => a - b)).toEqual(all)
    expect(await journaled(dataSource)).toEqual(archived)

    await expireLease(dataSource)
    const undone = await undoInForeground({
      database: portTo(dataSource),
      definition: definitionOf(archiveCities),
      run: undefined,
    })
    expect(undone).toMatchObject({ by: 'journal', result: { status: 'completed', counts: { failures: 0 } } })
    expect(await archivedCities(dataSource)).toEqual({ live: all, archived: [] })
  })
}

async function journaled(dataSource: DataSource): Promise<number[]> {
  const entries: { row_key: string }[] = await dataSource.query('select row_key from rowshift_journal')
  return entries.map(({ row_key }) => Number(JSON.parse(row_key)[0])).sort((a, b) => a - b)
}
