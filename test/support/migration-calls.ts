import type { DataSource } from 'typeorm'
import type { Session } from '../../src/adapters/database.js'
import * as typeorm from '../../src/adapters/typeorm/index.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import type { Cell, Script } from '../../src/dialects/script.js'
import type { Backfill } from '../../src/index.js'
import { requireCompletedInMigration, scheduleInMigration, undoInMigration } from '../../src/runs/in-migration.js'
import { portTo, withQueryRunner } from './backfills.js'
import { adapterOf } from './test-database.js'

/** What a migration calls. */
interface Migration {
  schedule(definition: Backfill): Promise<void>
  requireCompleted(definition: Backfill): Promise<void>
  undo(definition: Backfill): Promise<void>
}

/**
 * A migration, in a transaction of its own or without one: TypeORM's, by the calls that it has; Prisma's are plain SQL, and what
 * those calls stand on is called with a session of it.
 */
export async function inMigration<T>(
  dataSource: DataSource,
  task: (migration: Migration) => Promise<T>,
  { isEnclosed = false } = {},
): Promise<T> {
  if (adapterOf(dataSource) === 'prisma') return inSession(dataSource, task, isEnclosed)
  return withQueryRunner(dataSource, async (queryRunner) => {
    if (isEnclosed) await queryRunner.startTransaction()
    const value = await task({
      schedule: (definition) => typeorm.schedule(queryRunner, definition),
      requireCompleted: (definition) => typeorm.requireCompleted(queryRunner, definition),
      undo: (definition) => typeorm.undo(queryRunner, definition),
    })
    if (isEnclosed) await queryRunner.commitTransaction()
    return value
  })
}

async function inSession<T>(
  dataSource: DataSource,
  task: (migration: Migration) => Promise<T>,
  isEnclosed: boolean,
): Promise<T> {
  const database = portTo(dataSource)
  return withSession(
    dataSource,
    (session) =>
      task({
        schedule: (definition) => scheduleInMigration(database, session, definitionOf(definition)),
        requireCompleted: (definition) => requireCompletedInMigration(database, session, definitionOf(definition)),
        undo: (definition) => undoInMigration(database, session, definitionOf(definition)),
      }),
    { isEnclosed },
  )
}

/** A session as a migration's, which is not theirs to give back who are called; in a transaction, which is committed, or without one. */
export async function withSession<T>(
  dataSource: DataSource,
  task: (session: Session) => Promise<T>,
  { isEnclosed = false } = {},
): Promise<T> {
  const own = await portTo(dataSource).connect()
  const session: Session = { ...own, release: async () => undefined }
  try {
    if (isEnclosed) await rowsOf(session, 'begin')
    const value = await task(session)
    if (isEnclosed) await rowsOf(session, 'commit')
    return value
  } finally {
    await own.release()
  }
}

/** The rows of a statement on a session, as it gives them. */
export async function rowsOf(session: Session, text: string): Promise<readonly (readonly Cell[])[]> {
  return session.run(
    (function* (): Script<readonly (readonly Cell[])[]> {
      return (yield { label: 'migration', text, parameters: [] }).rows
    })(),
  )
}

/** One call of a migration that has no transaction. */
export const schedule = (dataSource: DataSource, definition: Backfill): Promise<void> =>
  inMigration(dataSource, (migration) => migration.schedule(definition))

export const requireCompleted = (dataSource: DataSource, definition: Backfill): Promise<void> =>
  inMigration(dataSource, (migration) => migration.requireCompleted(definition))
