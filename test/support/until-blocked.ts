import { setTimeout as sleep } from 'node:timers/promises'
import type { DataSource } from 'typeorm'
import { bySql } from './by-sql.js'
import type { DatabaseName } from './test-database.js'

/** Sessions of this database that wait for a lock. */
const blocked = {
  sqlite: '',
  postgres: `select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  mariadb: `select count(*) as n from information_schema.innodb_trx t join information_schema.processlist p
    on p.id = t.trx_mysql_thread_id where t.trx_state = 'LOCK WAIT' and p.db = database()`,
}

/** Settles once so many sessions of the test's database wait for a lock, however long it takes them to get there. */
export async function untilBlocked(dataSource: DataSource, name: DatabaseName, count: number): Promise<void> {
  for (;;) {
    const [found] = await dataSource.query(bySql(name, blocked))
    if (Number(found.n) >= count) return
    // MariaDB renews what it tells of transactions every 100 ms.
    await sleep(120)
  }
}
