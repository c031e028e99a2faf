import { expect, onTestFinished } from 'vitest'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { undoInForeground } from '../../src/runs/undo/undo-in-foreground.js'
import { portTo, runBackfill } from '../support/backfills.js'
import { contractTestOn, TestDatabase } from '../support/databases.js'
import type { StatementHooks } from '../support/observed-database.js'
import { startServer } from '../support/servers/server-process.js'

const rows = 40

/** 50 kB that a driver writes as 100. */
const quoted = '"'.repeat(50_000)

const shout = defineBackfill({
  name: 'letter.shout',
  table: 'letter',
  select: { body: 'text' },
  write: { body: 'text', is_loud: 'integer' },
  where: { is_loud: null },
  batchRows: 100,
  journal: true,
  transform: ({ body }) => ({ body: `${body}!`, is_loud: 1 }),
})

contractTestOn(
  ['mariadb'],
  'cuts what is too large for max_allowed_packet before it is sent, and undoes it so',
  async () => {
    const server = await startServer('mariadb', ['--max-allowed-packet=1M'])
    onTestFinished(() => server.stop())
    if (!('url' in server)) throw new Error(server.unavailable)
    const database = await TestDatabase.create('mariadb', server.url)
    const dataSource = await database.connect()
    onTestFinished(() => dataSource.destroy())
    await dataSource.query('create table letter (id int primary key, body mediumtext not null, is_loud int)')
    for (let id = 1; id <= rows; id++) await dataSource.query('insert into letter values (?, ?, null)', [id, quoted])

    const failed: string[] = []
    const sent = new Map<string, number>()
    const hooks: StatementHooks = {
      before: ({ label }) => sent.set(label, (sent.get(label) ?? 0) + 1),
      failed: ({ label }) => failed.push(label),
    }
    const batches: number[] = []
    const result = await runBackfill(dataSource, shout, {
      hooks,
      onProgress: ({ batch }) => batch && batches.push(batch.rows),
    })
    expect(result).toMatchObject({ status: 'completed', counts: { written: rows, failures: 0 } })
    expect(failed).toEqual([])
    // One batch and the sweep that finds nothing; the batch in several statements.
    expect(batches).toEqual([rows, rows])
    expect(sent.get('update-rows')).toBeGreaterThan(4)
    expect(await dataSource.query('select count(*) as n from letter where body = ?', [`${quoted}!`])).toEqual([
      { n: String(rows) },
    ])

    const definition = definitionOf(shout)
    const { result: undone } = await undoInForeground({
      database: portTo(dataSource, hooks),
      definition,
      run: undefined,
    })
    expect(undone).toMatchObject({ status: 'completed', counts: { written: rows, failures: 0 } })
    expect(failed).toEqual([])
    expect(
      await dataSource.query('select count(*) as n from letter where body = ? and is_loud is null', [quoted]),
    ).toEqual([{ n: String(rows) }])
  },
  // It installs a server of its own.
  180_000,
)
