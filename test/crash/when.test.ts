import { join } from 'node:path'
import type { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { type Backfill, defineBackfill, sql } from '../../src/index.js'
import { readStatus } from '../../src/runs/read-status.js'
import { codeOf, portTo, runBackfill } from '../support/backfills.js'
import { runChild } from '../support/child.js'
import { countedSlugInSql, createCountedCities, expireLease, readCounted } from '../support/counted-cities.js'
import { contractTest } from '../support/databases.js'

/* Killed, and not to be gone on with at once. */

const rows = 40

const other = defineBackfill.sql({ name: 'city.other', table: 'city', where: { id: 0 }, set: { name: 'none' } })

/** As the process that dies runs it, and what it has to wait for. */
const slugAnd = (waits: Pick<Parameters<typeof defineBackfill.sql>[0], 'when' | 'after'>): Backfill =>
  defineBackfill.sql({
    name: 'city.slug',
    table: 'city',
    where: { slug: null },
    set: { slug: sql`lower(name)`, touched: sql`touched + 1` },
    batchRows: 10,
    maxFailures: 5,
    ...waits,
  })

async function statusOf(dataSource: DataSource) {
  const reports = await readStatus(portTo(dataSource))
  const { run } = reports.find((report) => report.run.name === countedSlugInSql.name)!
  return `${run.status} ${run.reason} ${run.postponedUntil === undefined ? 'at once' : 'later'}`
}

contractTest('a killed run that has to wait when it is taken up again says that, and for what', async (database) => {
  const dataSource = await database.connect()
  await createCountedCities(dataSource, database.name, rows)
  const point = { label: 'update-range', when: 'before', nth: 3 }
  const args = [database, point, 'city.slug'].map((arg) => JSON.stringify(arg))
  const child = runChild(join(__dirname, 'fixtures/dying-sql.ts'), args)
  expect(await child.exited, child.output()).toEqual({ code: null, signal: 'SIGKILL' })

  let isBusy = true
  const behindOther = slugAnd({ after: [other] })
  const whileBusy = slugAnd({ when: { postpone: { 'somebody is busy': () => isBusy } } })
  // Until its lease is over it may be alive, however slow this machine is.
  await dataSource.query(`update rowshift_checkpoint set lease_until = '2100-01-01 00:00:00'`)
  expect(await codeOf(runBackfill(dataSource, behindOther))).toBe('POSTPONED')
  expect(await statusOf(dataSource)).toBe('running undefined at once')
  await expireLease(dataSource)
  expect(await codeOf(runBackfill(dataSource, behindOther))).toBe('POSTPONED')
  expect(await statusOf(dataSource)).toBe('postponed "city.other", which it comes after, was never run later')
  expect(await codeOf(runBackfill(dataSource, whileBusy))).toBe('POSTPONED')
  expect(await statusOf(dataSource)).toBe('postponed somebody is busy later')
  expect((await readCounted(dataSource)).writes).toHaveLength(20)

  isBusy = false
  expect(await runBackfill(dataSource, whileBusy)).toMatchObject({ runId: 1, status: 'completed' })
  expect((await readCounted(dataSource)).writes).toEqual(Array.from({ length: rows }, (_, i) => i + 1))
})
