import type { DataSource } from 'typeorm'
import { onTestFinished } from 'vitest'
import { bySql } from './by-sql.js'
import type { DatabaseName } from './test-database.js'

/** A lock of the application that only those statements wait for that a test sends to it. */
export interface Barrier {
  /**
   * SQL that waits until the barrier is lifted, and goes on after twenty seconds, so that a test whose barrier stays fails by what it expects.
   * The limit of a batch's waits for locks does not end it.
   */
  readonly wait: string
  lift(): Promise<void>
}

/** Another barrier of the same database has another number. */
export async function raiseBarrier(app: DataSource, name: DatabaseName, number = 1): Promise<Barrier> {
  const runner = app.createQueryRunner()
  onTestFinished(() => runner.release())
  // The names of MySQL's locks are the server's, and not a database's.
  const lock = `concat(database(), ' ${number}')`
  const none = { raise: '', wait: '', lift: '' }
  const { raise, wait, lift } = bySql(name, {
    sqlite: none,
    postgres: {
      raise: `select pg_advisory_lock(${number})`,
      wait: `do $$ begin
        for i in 1..2000 loop
          exit when pg_try_advisory_xact_lock_shared(${number});
          perform pg_sleep(0.01);
        end loop;
      end $$`,
      lift: `select pg_advisory_unlock(${number})`,
    },
    mariadb: {
      raise: `select get_lock(${lock}, 30)`,
      wait: `select get_lock(${lock}, 20) + release_lock(${lock})`,
      lift: `select release_lock(${lock})`,
    },
  })
  if (raise === '') throw new Error(`nobody can wait beside a statement of ${name}`)
  await runner.query(raise)
  return { wait, lift: async () => void (await runner.query(lift)) }
}
