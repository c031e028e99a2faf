import { expect, onTestFinished } from 'vitest'
import { RowshiftError } from '../../src/errors/rowshift-error.js'
import { defineBackfill } from '../../src/index.js'
import { TcpProxy } from '../../src/testing/tcp-proxy.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { countedSlug, createCountedCities, readCheckpoint, readCounted } from '../support/counted-cities.js'
import { contractTestOn, type TestDatabase } from '../support/databases.js'
import { atPoint, type ProtocolPoint } from '../support/die-at.js'
import { expectMigratedOnce } from '../support/expect-migrated.js'
import type { StatementHooks } from '../support/observed-database.js'

/*
 * Lost connections, at a chosen statement. A row that is lost or written twice shows in the counts, in `touched` and in what a
 * trigger noted.
 */

const rows = 40

/** Each of rows 11, 21 and 31 is changed between its read and its write. */
const completed = {
  status: 'completed',
  counts: { scanned: 2 * rows, written: rows, unchanged: 0, left: 0, skipped: 0, conflicts: 3, failures: 0 },
}

async function throughProxy(database: TestDatabase) {
  const proxy = await new TcpProxy(database.server).listen()
  onTestFinished(() => proxy.close())
  const app = await database.connect()
  await createCountedCities(app, database.name, rows)
  return { proxy, app, dataSource: await database.connect({ host: '127.0.0.1', port: proxy.port }) }
}

/** A statement as it travels: in a message of its own, ended by NUL on PostgreSQL. */
const isCommit = (chunk: Buffer) => /(^|[^a-z])commit(\0|$)/.test(chunk.toString('latin1'))
const sends = (text: string) => (chunk: Buffer) => chunk.includes(text)

interface Cut {
  /** From when on the statement is looked for. */
  readonly from: ProtocolPoint
  readonly at: (chunk: Buffer) => boolean
}

const cuts: Record<string, Cut> = {
  'the start of a run': { from: { label: 'insert-run', when: 'before' }, at: sends('insert into') },
  'the commit of the start': { from: { label: 'insert-shard', when: 'after' }, at: isCommit },
  'a claim': { from: { label: 'claim-shard', when: 'before' }, at: sends('epoch + 1') },
  'the commit of a claim': { from: { label: 'claim-shard', when: 'after' }, at: isCommit },
  'the read of a page': { from: { label: 'read-page', when: 'before', nth: 2 }, at: sends('limit 10') },
  'a fence': { from: { label: 'fence', when: 'before', nth: 2 }, at: sends('seq + 1') },
  'an update': { from: { label: 'update-rows', when: 'before', nth: 2 }, at: sends('update') },
  'the commit of a batch': { from: { label: 'fence', when: 'after' }, at: isCommit },
  'the commit of a conflict': { from: { label: 'put-failures', when: 'after' }, at: isCommit },
  'the commit of a settled conflict': {
    from: { label: 'delete-failures', when: 'after', since: 'put-failures' },
    at: isCommit,
  },
  'the commit of a finished shard': { from: { label: 'finish-shard', when: 'after' }, at: isCommit },
  'the commit of a sweep': { from: { label: 'reopen-shard', when: 'after' }, at: isCommit },
  'the commit of the end': { from: { label: 'set-verification', when: 'after' }, at: isCommit },
}

const halfClosed = ['a fence', 'an update', 'the commit of a batch']
const losses = Object.entries(cuts).flatMap(([statement, cut]) => [
  { statement, ...cut, how: 'reset' as const },
  ...(halfClosed.includes(statement) ? [{ statement, ...cut, how: 'half-close' as const }] : []),
])

for (const { statement, from, at, how } of losses) {
  for (const when of ['before', 'after'] as const) {
    const moment = when === 'before' ? 'before it arrives' : 'before its answer arrives'
    const title = how === 'reset' ? moment : `${moment}, by a half-close`
    contractTestOn(
      ['postgres', 'mariadb'],
      `goes on when ${statement} loses its connection ${title}`,
      async (database) => {
        const { proxy, app, dataSource } = await throughProxy(database)
        let lost: Promise<void> | undefined
        const hooks: StatementHooks = {
          ...atPoint(from, () => {
            lost = proxy.cutAfterClientBytes(at, when, how)
          }),
          // A claim whose commit was not answered is waited for until its lease has run out.
          inject: (sent, place) =>
            sent.label === 'insert-shard' && place === 'after'
              ? 'update rowshift_checkpoint set lease_ms = 500'
              : undefined,
        }
        expect(await runBackfill(dataSource, countedSlug(app), { hooks })).toMatchObject(completed)
        expect(lost).toBeDefined()
        await lost
        await expectMigratedOnce(app)
        // One claim for each of two passes, and one for the verification: a batch whose commit had no answer is looked up, not waited for until the lease has run
        // out. Only of a claim can nobody know whose it is.
        if (statement === 'the commit of a claim' && when === 'after') return
        expect(await readCheckpoint(app)).toMatchObject({ epoch: 3 })
      },
    )
  }
}

// Nothing comes after the first pass of such a run that would meet the row again.
contractTestOn(
  ['postgres', 'mariadb'],
  'settles the conflicts of a commit in doubt in a run without sweeps',
  async (database) => {
    const { proxy, app, dataSource } = await throughProxy(database)
    const everySlug = defineBackfill({
      name: 'city.slug',
      table: 'city',
      select: { name: 'text' },
      write: { slug: 'text' },
      batchRows: rows,
      async transform({ name }, { key: [id] }) {
        if (name === 'City 13') await app.query(`update city set name = 'Town 13' where id = ${id}`)
        return { slug: name.toLowerCase() }
      },
    })
    const hooks = atPoint({ label: 'put-failures', when: 'after' }, () => {
      void proxy.cutAfterClientBytes(isCommit, 'after')
    })
    expect(await runBackfill(dataSource, everySlug, { hooks })).toMatchObject({
      status: 'completed',
      coverage: 'keys-once',
      counts: { scanned: rows, written: rows, conflicts: 1, failures: 0 },
    })
    const { cities } = await readCounted(app)
    expect(cities.filter(({ name, slug }) => slug !== String(name).toLowerCase())).toEqual([])
    expect((await readCheckpoint(app)).conflicts).toEqual([])
  },
)

contractTestOn(
  ['postgres'],
  'begins anew when the beginning of a transaction is refused half way',
  async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    let isDue = false
    const refusals: unknown[] = []
    const hooks: StatementHooks = {
      ...atPoint({ label: 'fence', when: 'after' }, () => {
        isDue = true
      }),
      // After BEGIN, by an error that another attempt may not meet.
      inject(sent, when) {
        if (!isDue || refusals.length > 0 || sent.label !== 'begin' || when !== 'after') return undefined
        return `do $$ begin raise exception 'busy' using errcode = 'lock_not_available'; end $$`
      },
      failed: (_, error) => void refusals.push(error),
    }
    expect(await runBackfill(await database.connect(), countedSlug(app), { hooks })).toMatchObject(completed)
    expect(refusals[0]).toMatchObject({ code: '55P03' })
    await expectMigratedOnce(app)
  },
)

// Whoever looks a commit up finds its shard in other hands.
for (const when of ['before', 'after'] as const) {
  const isCommitted = when === 'after'
  const title = `gives a batch up that was ${isCommitted ? 'committed' : 'not committed'} unseen, and its claim taken`
  contractTestOn(['postgres', 'mariadb'], title, async (database) => {
    const { proxy, app, dataSource } = await throughProxy(database)
    const take = `update rowshift_checkpoint set claim = 'another worker', seq = seq + 1, epoch = epoch + 1,
      lease_until = '2000-01-01 00:00:00'`
    let lookUps = 0
    const hooks: StatementHooks = {
      ...atPoint({ label: 'fence', when: 'after', nth: 2 }, () => void proxy.cutAfterClientBytes(isCommit, when)),
      inject: (sent, place) =>
        sent.label === 'lock-shard' && place === 'before' && lookUps++ === 0 ? take : undefined,
    }
    expect(await runBackfill(dataSource, countedSlug(undefined), { hooks })).toMatchObject({
      status: 'completed',
      counts: { scanned: 2 * rows, written: rows },
    })
    expect(lookUps).toBeGreaterThan(0)
    await expectMigratedOnce(app)
  })
}

const dies = { sqlite: '', postgres: 'select pg_terminate_backend(pg_backend_pid())', mariadb: 'kill connection_id()' }

const kills: Record<string, ProtocolPoint> = {
  'a claim': { label: 'claim-shard', when: 'after' },
  'a page is read': { label: 'read-page', when: 'before', nth: 2 },
  'the fence': { label: 'fence', when: 'after', nth: 2 },
  'the update': { label: 'update-rows', when: 'after', nth: 2 },
  'a conflict is noted': { label: 'put-failures', when: 'after' },
  'the commit': { label: 'commit', when: 'after', nth: 2, since: 'fence' },
}

for (const [moment, point] of Object.entries(kills)) {
  const title = `goes on when the server ends a connection ${point.when === 'before' ? 'while' : 'after'} ${moment}`
  contractTestOn(['postgres', 'mariadb'], title, async (database) => {
    const app = await database.connect()
    await createCountedCities(app, database.name, rows)
    let isDue = false
    let isDone = false
    const errors: unknown[] = []
    const hooks: StatementHooks = {
      ...atPoint(point, () => {
        isDue = true
      }),
      inject(sent, when) {
        if (!isDue || isDone || sent.label !== point.label || when !== point.when) return undefined
        isDone = true
        return bySql(database.name, dies)
      },
      failed: (_, error) => void errors.push(error),
    }
    const result = await runBackfill(await database.connect(), countedSlug(app), { hooks })
    expect(result).toMatchObject(completed)
    expect(errors.length).toBeGreaterThan(0)
    await expectMigratedOnce(app)
  })
}

contractTestOn(['postgres', 'mariadb'], 'leaves the run resumable when the database stays away', async (database) => {
  const { proxy, app, dataSource } = await throughProxy(database)
  const abort = new AbortController()
  const hooks = atPoint({ label: 'fence', when: 'after', nth: 2 }, () => {
    proxy.cut()
    void proxy.close()
    // Retries go on for some 20 s; a second Ctrl-C ends them.
    setTimeout(() => abort.abort(), 1_000)
  })
  const error = await runBackfill(dataSource, countedSlug(app), {
    hooks,
    abort: abort.signal,
    stop: abort.signal,
  }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(RowshiftError)
  expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true })
  expect((await readCounted(app)).writes.length).toBe(10)
})
