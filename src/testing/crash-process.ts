import { setTimeout as sleep } from 'node:timers/promises'
import type { Database, DatabaseSource, Session } from '../adapters/database.js'
import { ownConnections } from '../backfill/connection/connections.js'
import { batchLimits } from '../backfill/connection/limits.js'
import { withFaultsMended } from '../backfill/connection/mend.js'
import { ownTransactions, reading, type Scope } from '../backfill/connection/transaction.js'
import type { Backfill } from '../backfill/definition/define-backfill.js'
import { definitionOf } from '../backfill/definition/definition.js'
import { type PreparedChange, prepareBackfill } from '../backfill/prepare/prepare-backfill.js'
import { asRowshiftError, describeError } from '../cli/describe-error.js'
import { loadConfig, loadFoundDefinitions, unknownBackfill } from '../cli/load-config.js'
import type { RunRow } from '../dialects/state-statements.js'
import { controlRun } from '../runs/control/run-control.js'
import { openState } from '../runs/open-state.js'
import { runInForeground } from '../runs/run-in-foreground.js'
import { isActive, type RunStatus } from '../runs/run-status.js'
import { startRun } from '../runs/start-run.js'
import { type BackfillWorker, createWorker } from '../runs/worker.js'
import type { CrashCalls, CrashMessage, CrashRequest, CrashTask } from './crash-calls.js'
import { factsOf, readContents } from './crash-tables.js'

/*
 * A process of a crash test, started by `crashTest`: a worker, or the one that looks after run and table and is not killed.
 *
 *   crash-process.js '{"backfill":"city.slug"}'
 */

/** Much longer than the connections of a run are cut for: so often a server is not there at all. */
const openPatienceMs = 60_000
const openPauseMs = 200

const never = new AbortController().signal

async function open(task: CrashTask): Promise<CrashCalls> {
  const project = await loadConfig(task)
  const found = await loadFoundDefinitions(project)
  const backfill = found.find((one) => one.backfill.name === task.backfill)?.backfill
  if (!backfill)
    throw unknownBackfill(project, new Map(found.map((one) => [one.backfill.name, undefined as never])), task.backfill)
  const { database: source, pace = {} } = project.config
  const database = await (task.isCut ? openAmongCuts(source) : source.open())
  const definition = definitionOf(backfill)
  let worker: BackfillWorker | undefined

  const prepared = () => visit(database, (session, scope) => prepareIn(database, session, scope, backfill))
  const latest = () =>
    visit(database, async (session, scope): Promise<RunRow | undefined> => {
      await openState(database, session, scope)
      return session.run(
        reading(database.dialect, scope, database.dialect.state.latestRun(database.stateNames, definition.name)),
      )
    })
  const clear = async () => {
    const run = await latest()
    if (run && isActive(run.status as RunStatus)) await controlRun(database, definition.name, 'cancel')
  }

  return {
    facts: async () => factsOf(database, await prepared(), task.counter),
    contents: () =>
      visit(database, async (session, scope) =>
        readContents(database, session, scope, await prepareIn(database, session, scope, backfill)),
      ),
    clear,
    async schedule() {
      await visit(database, async (session, scope) => {
        await openState(database, session, scope)
        await startRun(database, session, scope, await prepareIn(database, session, scope, backfill))
      })
    },
    async finish() {
      const run = await latest()
      // Without a `where` a further run would do every row once more.
      if (run?.status === 'completed' && definition.where === undefined) return 'completed'
      if (run?.status === 'paused') await controlRun(database, definition.name, 'resume')
      const result = await runInForeground({ database, definition, acceptsChanged: true })
      return result.status
    },
    ready: async () => undefined,
    async work() {
      worker = createWorker({
        // Kept open for the next time.
        database: { kind: 'database-source', open: async () => ({ ...database, close: async () => undefined }) },
        backfills: [backfill],
        pace,
        onEvent(event) {
          if (event.type === 'ended') send({ event: 'ended', status: event.result.status })
          else if ((event.type === 'declined' || event.type === 'stopped') && !event.error.retryable)
            send({ event: 'stopped', error: describeError(event.error) })
        },
      })
      await worker.start()
    },
    async leave() {
      await worker?.stop()
      worker = undefined
    },
  }
}

/**
 * Connections are cut while a database is being opened, too: a worker would be started again by whoever looks after it. On a busy
 * machine that takes longer than the time between two cuts, so there is no number of attempts that is enough.
 */
async function openAmongCuts(source: DatabaseSource): Promise<Database> {
  const givesUpAt = performance.now() + openPatienceMs
  for (;;) {
    try {
      return await source.open()
    } catch (error) {
      // What the configuration lacks no further attempt brings.
      const isFinal = asRowshiftError(error)?.retryable === false
      if (isFinal || performance.now() > givesUpAt) throw error
      await sleep(openPauseMs)
    }
  }
}

async function visit<T>(database: Database, task: (session: Session, scope: Scope) => Promise<T>): Promise<T> {
  const { dialect } = database
  const connections = ownConnections(database)
  const scope = ownTransactions(dialect, batchLimits)
  try {
    const place = { dialect, connections, scope, abort: never }
    return await withFaultsMended(place, { doing: 'looking after a crash test' }, (session) => task(session, scope))
  } finally {
    await connections.release()
  }
}

function prepareIn(database: Database, session: Session, scope: Scope, backfill: Backfill): Promise<PreparedChange> {
  return session.run(reading(database.dialect, scope, prepareBackfill(database, definitionOf(backfill))))
}

function send(message: CrashMessage): void {
  process.send?.(message)
}

/** A call that fails is answered with its error; a process whose test is gone goes too. */
function main(task: CrashTask): void {
  const opened = open(task)
  opened.catch(() => undefined)
  process.once('disconnect', () => process.exit())
  process.on('message', async ({ id, call }: CrashRequest) => {
    try {
      send({ id, answer: await (await opened)[call]() })
    } catch (error) {
      send({ id, error: describeError(error) })
    }
  })
}

main(JSON.parse(process.argv[2]!) as CrashTask)
