import { join } from 'node:path'
import { expect } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { countWhere, createCities } from '../support/city-table.js'
import { expireLease } from '../support/counted-cities.js'
import { contractTest } from '../support/databases.js'
import type { ProtocolPoint } from '../support/die-at.js'
import { journaledVisits } from '../support/journaled-visits.js'

const dyingUndo = join(__dirname, 'fixtures/dying-undo.ts')

const rows = 40

const deaths: Record<string, ProtocolPoint> = {
  'before the run is ended': { label: 'read-journal', when: 'before' },
  'between fence and update': { label: 'fence', when: 'after', nth: 2 },
  'when rows are restored': { label: 'update-rows', when: 'after', nth: 2 },
  'when entries are removed': { label: 'delete-journal', when: 'after', nth: 2 },
  'right after a commit': { label: 'commit', when: 'after', nth: 2, since: 'delete-journal' },
  'before it is marked as undone': { label: 'move-run', when: 'before', since: 'set-verification' },
}

for (const [moment, point] of Object.entries(deaths)) {
  contractTest(`restores every row once when an undo is killed ${moment}`, async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, rows)
    await dataSource.query('update city set touched = id')
    await runBackfill(dataSource, journaledVisits)
    expect(await countWhere(dataSource, 'touched = id + 1')).toBe(rows)

    const child = runChild(dyingUndo, [JSON.stringify(database), JSON.stringify(point)])
    expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })

    // What is still in the journal is what is not restored yet.
    const journal: unknown[] = await dataSource.query('select id from rowshift_journal')
    expect(await countWhere(dataSource, 'slug is null and touched = id')).toBe(rows - journal.length)
    expect(await countWhere(dataSource, `slug = 'visited' and touched = id + 1`)).toBe(journal.length)

    await expireLease(dataSource)
    const outcome = await undoInForeground({
      database: portTo(dataSource),
      definition: definitionOf(journaledVisits),
      run: undefined,
    })
    expect(outcome).toMatchObject({ by: 'journal', result: { status: 'completed', counts: { failures: 0 } } })
    expect(await countWhere(dataSource, 'slug is null and touched = id')).toBe(rows)
    expect(await dataSource.query('select id from rowshift_journal')).toEqual([])
  })
}
