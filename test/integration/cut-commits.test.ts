import { expect, onTestFinished } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { replayFailures } from '../../src/runs/control/replay.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { countWhere, createCities } from '../support/city-table.js'
import { countedSlug, createCountedCities, readCounted, refuseCities, refuseNone } from '../support/counted-cities.js'
import { contractTestOn, type TestDatabase } from '../support/databases.js'
import { atPoint, type ProtocolPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import { journaledVisits } from '../support/journaled-visits.js'

/* A commit that loses its connection, of those that `faults.test.ts` has not: of parts of a refused batch, of a replay, of an undo. */

const rows = 40
const servers = ['postgres', 'mariadb'] as const

const isCommit = (chunk: Buffer) => /(^|[^a-z])commit(\0|$)/.test(chunk.toString('latin1'))

async function cutting(database: TestDatabase, point: ProtocolPoint, when: 'before' | 'after') {
  const proxy = await new TcpProxy(database.server).listen()
  onTestFinished(() => proxy.close())
  const dataSource = await database.connect({ host: '127.0.0.1', port: proxy.port })
  let cut: Promise<void> | undefined
  const hooks = atPoint(point, () => {
    cut = proxy.cutAfterClientBytes(isCommit, when)
  })
  return {
    dataSource,
    hooks,
    isCut: async () => {
      expect(cut).toBeDefined()
      await cut
    },
  }
}

const parts: Record<string, ProtocolPoint> = {
  'a half': { label: 'fence', when: 'after', nth: 2 },
  'a refused row': { label: 'put-failures', when: 'after' },
  'its listing': { label: 'put-failures', when: 'after', nth: 2 },
}

for (const when of ['before', 'after'] as const) {
  const title = when === 'before' ? 'before it arrives' : 'before its answer arrives'

  for (const [part, point] of Object.entries(parts)) {
    contractTestOn(
      servers,
      `repeats nothing when the commit of ${part} loses its connection ${title}`,
      async (database) => {
        const app = await database.connect()
        await createCountedCities(app, database.name, rows)
        await refuseCities(app, database.name, [6])
        const { dataSource, hooks, isCut } = await cutting(database, point, when)
        const definition = countedSlug(undefined, { maxFailures: 5 })
        expect(await runBackfill(dataSource, definition, { hooks })).toMatchObject({
          status: 'completed',
          counts: { scanned: 2 * rows, written: rows - 1, left: 0, skipped: 0, conflicts: 0, failures: 1 },
        })
        await isCut()
        const { cities, writes } = await readCounted(app)
        expect(writes).toEqual(cities.map(({ id }) => id).filter((id) => id !== 6))
        expect(await countWhere(app, 'touched = 1')).toBe(rows - 1)
      },
    )
  }

  contractTestOn(
    servers,
    `replays once when the commit of a replay loses its connection ${title}`,
    async (database) => {
      const app = await database.connect()
      await createCountedCities(app, database.name, rows)
      await refuseCities(app, database.name, [6, 27])
      const definition = countedSlug(undefined, { maxFailures: 5 })
      await runBackfill(app, definition)
      await refuseNone(app, database.name)
      const { dataSource, hooks, isCut } = await cutting(database, { label: 'delete-failures', when: 'after' }, when)
      const port = portTo(dataSource, hooks)
      expect(await replayFailures({ database: port, definition: definitionOf(definition) })).toMatchObject({
        cleared: 2,
        remaining: 0,
        result: { status: 'completed', counts: { written: rows, failures: 0 } },
      })
      await isCut()
      await expectMigratedOnce(app)
    },
  )

  contractTestOn(
    servers,
    `restores once when the commit of an undo loses its connection ${title}`,
    async (database) => {
      const app = await database.connect()
      await createCities(app, database.name, rows)
      await app.query('update city set touched = id')
      await runBackfill(app, journaledVisits)
      const { dataSource, hooks, isCut } = await cutting(database, { label: 'delete-journal', when: 'after' }, when)
      const database_ = portTo(dataSource, hooks)
      const definition = definitionOf(journaledVisits)
      expect(await undoInForeground({ database: database_, definition, run: undefined })).toMatchObject({
        by: 'journal',
        result: { status: 'completed', counts: { written: rows, failures: 0 } },
      })
      await isCut()
      expect(await countWhere(app, 'slug is null and touched = id')).toBe(rows)
    },
  )
}
