import { expect, test } from 'vitest'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import type { TransactionLimits } from '../../src/dialects/dialect.js'
import { mysql } from '../../src/dialects/mysql/index.js'
import type { Cell, Script } from '../../src/dialects/script.js'
import type { Statement } from '../../src/dialects/sql.js'
import { codeOf, errorOf, one, rowsOf, testMysql, testMysql2 } from './mysql-sessions.js'

const classOf = (error: unknown) => mysql.classifyError(error).class

const settings = `select @@sql_mode, @@time_zone, @@lc_messages, @@sql_select_limit, @@character_set_client,
  @@character_set_results, @@character_set_connection, @@collation_connection, @@tx_isolation, @@innodb_lock_wait_timeout,
  @@lock_wait_timeout, @@idle_transaction_timeout, @@max_statement_time, @@sql_safe_updates, @@completion_type, @@autocommit`

/** What an application may have set for all its connections. */
const unusual = `set session sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+05:30', lc_messages = 'de_DE',
  sql_select_limit = 1, character_set_client = utf8mb3, character_set_results = null, collation_connection = latin1_german1_ci,
  tx_isolation = 'SERIALIZABLE', innodb_lock_wait_timeout = 77, lock_wait_timeout = 78, idle_transaction_timeout = 79,
  max_statement_time = 1.5, sql_safe_updates = 1, completion_type = 'CHAIN', autocommit = 0`

testMysql('pins what decides over values and waits, and gives back what was there', async (test) => {
  const session = await test.open(null)
  await rowsOf(session, unusual)
  const before = await rowsOf(session, settings)
  const limits: TransactionLimits = { lockTimeoutMs: 1_500, statementTimeoutMs: 60_000, idleTimeoutMs: 10 }
  const saved = await session.run(mysql.pinSession(limits))
  expect(await rowsOf(session, settings)).toEqual([
    [
      'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
      ...['+00:00', 'en_US', '18446744073709551615', 'utf8mb4', 'utf8mb4', 'utf8mb4', 'utf8mb4_general_ci'],
      ...['READ-COMMITTED', '2', '2', '1', '60.000000', '0', 'NO_CHAIN', '1'],
    ],
  ])
  await session.run(mysql.restoreSession(saved))
  expect(await rowsOf(session, settings)).toEqual(before)
})

testMysql('pins inside a transaction only what leaves it alone', async (test) => {
  await test.app('create table t (id int primary key) engine = InnoDB')
  const session = await test.open(null)
  await rowsOf(session, "set session sql_mode = '', time_zone = '+05:30'")
  await rowsOf(session, 'start transaction')
  await rowsOf(session, 'insert into t values (1)')
  const before = await rowsOf(session, settings)
  const saved = await session.run(mysql.pinEnclosing())
  const [pinned] = await rowsOf(session, settings)
  expect(pinned?.slice(0, 2)).toEqual([
    'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    '+00:00',
  ])
  expect(pinned?.[8]).toBe('REPEATABLE-READ')
  await session.run(mysql.restoreEnclosing(saved))
  expect(await rowsOf(session, settings)).toEqual(before)
  await rowsOf(session, 'rollback')
  expect(await test.app('select * from t')).toEqual([])
})

testMysql2('refuses a connection whose character set loses letters', async (test) => {
  const session = await test.open(null, { extra: { charset: 'latin1_swedish_ci' } })
  expect(await codeOf(session.run(mysql.pinSession(batchLimits)))).toBe('UNSUPPORTED_DATABASE')
})

testMysql('asks the server whether a transaction is open, also after DDL has ended it', async (test) => {
  await test.app('create table t (id int primary key) engine = InnoDB')
  const session = await test.open(null)
  const isInTransaction = () => session.run(mysql.isInTransaction())
  expect(await isInTransaction()).toBe(false)
  await session.run(mysql.begin(batchLimits))
  await rowsOf(session, 'insert into t values (1)')
  expect(await isInTransaction()).toBe(true)
  await session.run(mysql.rollback())
  expect(await test.app('select * from t')).toEqual([])
  await session.run(mysql.begin(batchLimits))
  await rowsOf(session, 'alter table t add v int')
  expect(await isInTransaction()).toBe(false)
})

testMysql('finds a savepoint without undoing what was written since', async (test) => {
  await test.app('create table t (id int primary key) engine = InnoDB')
  const session = await test.open()
  const has = (name: string) => session.run(mysql.hasSavepoint(name))
  expect(await has('mark')).toBe(false)
  await session.run(mysql.begin(batchLimits))
  await session.run(mysql.savepoint('mark'))
  await rowsOf(session, 'insert into t values (1)')
  expect(await has('mark')).toBe(true)
  expect(await has('mark')).toBe(true)
  expect(await has('other')).toBe(false)
  await session.run(mysql.commit())
  expect(await test.app('select * from t')).toEqual([{ id: 1 }])
  expect(await has('mark')).toBe(false)
})

testMysql('takes back what followed a savepoint', async (test) => {
  await test.app('create table t (id int primary key) engine = InnoDB')
  const session = await test.open()
  await session.run(mysql.begin(batchLimits))
  await session.run(mysql.savepoint('a `b`'))
  await rowsOf(session, 'insert into t values (1)')
  await session.run(mysql.rollbackToSavepoint('a `b`'))
  await session.run(mysql.releaseSavepoint('a `b`'))
  await session.run(mysql.commit())
  expect(await test.app('select * from t')).toEqual([])
})

testMysql('knows a primary, and a replica by its being read-only', async (test) => {
  const session = await test.open()
  await session.run(mysql.requirePrimary())
  // The setting is the whole server's, which other tests use: its answer is given here instead.
  for (const answer of [
    ['1', '0'],
    ['ON', 'OFF'],
    ['0', '1'],
  ]) {
    const script = mysql.requirePrimary()
    script.next()
    expect(() => script.next({ rows: [answer], affected: 0 })).toThrow('READ_REPLICA')
  }
  // A session that is held is asked with its settings.
  await session.run(mysql.pinSession(batchLimits))
  for (const name of ['read_only', 'innodb_read_only']) {
    const settings = selected({ ...mysql8, [name]: '1' })
    expect(() => sentOn(mysql.pinSession(batchLimits), settings)).toThrow('READ_REPLICA')
  }
})

testMysql('waits for a row lock no longer than told', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 0)')
  const [holder, waiter] = [await test.open(), await test.open({ ...batchLimits, lockTimeoutMs: 1_000 })]
  await holder.run(mysql.begin(batchLimits))
  await rowsOf(holder, 'update t set v = 1')
  const started = performance.now()
  const error = await errorOf(rowsOf(waiter, 'update t set v = 2'))
  expect(performance.now() - started).toBeLessThan(5_000)
  expect(mysql.classifyError(error)).toMatchObject({ class: 'transient', databaseCode: 'ER_LOCK_WAIT_TIMEOUT' })
})

testMysql('is freed from a process that stops inside its transaction', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 0)')
  const stopped = await test.open({ ...batchLimits, idleTimeoutMs: 1_000 })
  await stopped.run(mysql.begin(batchLimits))
  await rowsOf(stopped, 'update t set v = 1')
  const other = await test.open()
  await rowsOf(other, 'update t set v = 2')
  expect(await test.app('select v from t')).toEqual([{ v: 2 }])
  expect(classOf(await errorOf(rowsOf(stopped, 'select 1')))).toBe('connection-lost')
  expect(classOf(await errorOf(rowsOf(stopped, 'select 1')))).toBe('connection-lost')
})

testMysql('ends a statement that is stuck', async (test) => {
  const session = await test.open({ ...batchLimits, statementTimeoutMs: 1_000 })
  expect(classOf(await errorOf(rowsOf(session, 'select sleep(20)')))).toBe('transient')
})

testMysql('classes the errors of rows, names their subject and never a value', async (test) => {
  await test.app(`create table parent (id int primary key) engine = InnoDB`)
  await test.app(`create table child (id int primary key, short varchar(3) not null, small tinyint, day date, t time,
    doc longtext check (json_valid(doc)), e enum('a'), latin varchar(9) character set latin1, slug varchar(200), parent_id int,
    g geometry, constraint positive check (small > 0), unique key slug_key (slug),
    constraint of_parent foreign key (parent_id) references parent (id)) engine = InnoDB`)
  await test.app(`insert into child (id, short, slug) values (1, 'a', 'x'' for key ''secret''')`)
  await test.app(`create trigger refuse before update on child for each row
    if new.short = 'sig' then signal sqlstate '45000' set message_text = 'for key \\'secret\\''; end if`)
  const session = await test.open()
  const found = async (text: string) => {
    const { class: kind, subject, isUniqueViolation } = mysql.classifyError(await errorOf(rowsOf(session, text)))
    return [kind, subject, isUniqueViolation]
  }
  const update = (assignment: string) => found(`update child set ${assignment} where id = 1`)
  const insert = (slug: string) => found(`insert into child (id, short, slug) values (2, 'b', '${slug}')`)
  expect(await insert("x'' for key ''secret''")).toEqual(['row', 'slug_key', true])
  expect(await found("insert into child (id, short) values (1, 'b')")).toEqual(['row', 'PRIMARY', true])
  expect(await update("short = 'abcd'")).toEqual(['row', 'short', false])
  expect(await update('short = null')).toEqual(['row', 'short', false])
  expect(await update('small = 1000')).toEqual(['row', 'small', false])
  expect(await update("small = 'secret'")).toEqual(['row', 'small', false])
  expect(await update("small = '12abc'")).toEqual(['row', 'small', false])
  expect(await update('small = -1')).toEqual(['row', 'positive', false])
  expect(await update("day = '2024-02-30'")).toEqual(['row', 'day', false])
  expect(await update("t = 'secret'")).toEqual(['row', 't', false])
  expect(await update("e = 'secret'")).toEqual(['row', 'e', false])
  expect(await update("latin = '漢'")).toEqual(['row', 'latin', false])
  expect(await update("doc = '{secret'")).toEqual(['row', 'doc', false])
  expect(await update('parent_id = 7')).toEqual(['row', 'of_parent', false])
  expect(await update("g = 'secret'")).toEqual(['row', undefined, false])
  expect(await update("short = 'sig'")).toEqual(['row', undefined, false])
  expect(await update("small = cast('secret' as signed)")).toEqual(['row', undefined, false])
  expect(await update('small = 1 / 0')).toEqual(['row', undefined, false])
  expect(await update('small = (select 1 union select 2)')).toEqual(['row', undefined, false])
  expect(await found('insert into child (id) values (9)')).toEqual(['row', 'short', false])
})

testMysql('classes as fatal what blames no row', async (test) => {
  await test.app('create table t (id int primary key) engine = InnoDB')
  const session = await test.open()
  for (const text of ['select nothing from t', 'select 1 from nowhere', 'selec 1', 'select id from t a, t b']) {
    expect(mysql.classifyError(await errorOf(rowsOf(session, text)))).toMatchObject({
      class: 'fatal',
      subject: undefined,
    })
  }
  await rowsOf(session, 'start transaction read only')
  expect(classOf(await errorOf(rowsOf(session, 'insert into t values (1)')))).toBe('fatal')
})

testMysql('classes a deadlock as transient', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 0), (2, 0)')
  const [a, b] = [await test.open(), await test.open()]
  for (const session of [a, b]) await session.run(mysql.begin(batchLimits))
  await rowsOf(a, 'update t set v = 1 where id = 1')
  await rowsOf(b, 'update t set v = 1 where id = 2')
  const both = await Promise.allSettled([
    rowsOf(a, 'update t set v = 1 where id = 2'),
    rowsOf(b, 'update t set v = 1 where id = 1'),
  ])
  const errors = both.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  expect(errors.map(mysql.classifyError)).toMatchObject([{ class: 'transient', databaseCode: 'ER_LOCK_DEADLOCK' }])
})

testMysql('knows a lost connection, and keeps statements out of its errors', async (test) => {
  const session = await test.open()
  const [row] = await rowsOf(session, 'select connection_id()')
  await test.app(`kill ${row?.[0]}`)
  expect(classOf(await errorOf(rowsOf(session, 'select 1')))).toBe('connection-lost')
  expect(classOf(await errorOf(rowsOf(session, 'select 1')))).toBe('connection-lost')
  await session.release({ discard: true })

  const another = await test.open()
  const statement = { label: 'test', text: 'select ? from nowhere', parameters: ['secret'] }
  expect(JSON.stringify(await errorOf(another.run(one(statement))))).not.toContain('secret')
})

testMysql('takes a packet that is too large for a connection that is lost', async (test) => {
  const session = await test.open()
  const statement = { label: 'test', text: 'select length(?)', parameters: ['x'.repeat(17 * 1024 * 1024)] }
  expect(classOf(await errorOf(session.run(one(statement))))).toBe('connection-lost')
})

testMysql('closes a discarded connection and gives a released one back', async (test) => {
  const id = async (release: { discard?: boolean }) => {
    const session = await test.open(null)
    const [row] = await rowsOf(session, 'select connection_id()')
    await session.release(release)
    return row?.[0]
  }
  const [kept, discarded] = [await id({}), await id({ discard: true })]
  const alive = async () =>
    (await test.app('select id from information_schema.processlist')).map(({ id }) => String(id))
  // The server takes its time to notice.
  await expect.poll(alive, { timeout: 30_000 }).not.toContain(discarded)
  expect(await alive()).toContain(kept)
})

testMysql2('gives every cell as its text and counts the rows matched', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 5), (2, 6)')
  const typeCast = (field: { type: string }, next: () => unknown) => (field.type === 'NEWDECIMAL' ? 'wrong' : next())
  const session = await test.open(batchLimits, { extra: { flags: ['-FOUND_ROWS'], typeCast } })
  expect(await rowsOf(session, "select 18446744073709551615, 1.10, null, 'é😀', now() > 0 as t, x'C3A9'")).toEqual([
    ['18446744073709551615', '1.10', null, 'é😀', '1', 'é'],
  ])
  const update = { label: 'test', text: 'update t set v = 5', parameters: [] }
  expect((await session.run(one(update))).affected).toBe(2)
  const remove = { label: 'test', text: 'delete from t', parameters: [] }
  expect((await session.run(one(remove))).affected).toBe(2)
})

testMysql('classes as transient that a row changed after the snapshot of a strict transaction', async (test) => {
  await test.app('create table t (id int primary key, v int) engine = InnoDB')
  await test.app('insert into t values (1, 1)')
  const session = await test.open(null)
  await rowsOf(session, 'set session innodb_snapshot_isolation = 1')
  await rowsOf(session, 'start transaction')
  await rowsOf(session, 'select * from t')
  await test.app('update t set v = 2')
  const error = await errorOf(rowsOf(session, 'select * from t for update'))
  expect(mysql.classifyError(error)).toMatchObject({ class: 'transient', databaseCode: 'ER_CHECKREAD' })
})

/*
 * What differs on MySQL 8, shown by what is sent when the server answers as MySQL does.
 */

/** Runs a script on given answers, and returns what it sent. */
function sentOn(script: Script<unknown>, ...answers: readonly (readonly Cell[])[][]): readonly Statement[] {
  const sent: Statement[] = []
  let step = script.next()
  while (!step.done) {
    sent.push(step.value)
    step = script.next({ rows: answers[sent.length - 1] ?? [], affected: 0 })
  }
  return sent
}

const mysql8 = {
  ...{ read_only: 'OFF', innodb_read_only: 'OFF' },
  ...{
    autocommit: 'ON',
    character_set_client: 'utf8mb4',
    character_set_results: 'utf8mb4',
    completion_type: 'NO_CHAIN',
  },
  ...{
    collation_connection: 'utf8mb4_0900_ai_ci',
    innodb_lock_wait_timeout: '50',
    lc_messages: 'en_US',
    time_zone: 'SYSTEM',
  },
  ...{
    lock_wait_timeout: '31536000',
    max_execution_time: '0',
    sql_auto_is_null: 'OFF',
    sql_big_selects: 'ON',
    sql_mode: '',
  },
  ...{ sql_safe_updates: 'OFF', sql_select_limit: '18446744073709551615', transaction_isolation: 'REPEATABLE-READ' },
  ...{ wait_timeout: '28800' },
}

/** The one row of a SELECT, names and values, in which a switch is a number. */
const selected = (settings: Readonly<Record<string, string>>): Cell[][] => [
  Object.entries(settings).flatMap(([name, value]) => [name, { ON: 1, OFF: 0 }[value] ?? value]),
]

test('mysql: pins a session by the names of MySQL 8', () => {
  const [read, set] = sentOn(mysql.pinSession(batchLimits), selected(mysql8))
  expect(read?.text).toMatch(
    /@@wait_timeout, \/\*M! 'tx_isolation', .*, \*\/ \/\*!80000 'transaction_isolation', .*, \*\/ null$/,
  )
  expect(set?.text).toBe(
    'set session `sql_mode` = ?, `time_zone` = ?, `innodb_lock_wait_timeout` = 5, `lock_wait_timeout` = 5, ' +
      '`max_execution_time` = 60000, `wait_timeout` = 30, `transaction_isolation` = ?',
  )
  const [, shorter] = sentOn(mysql.pinSession(batchLimits), selected({ ...mysql8, wait_timeout: '20' }))
  expect(shorter?.text).not.toContain('wait_timeout` = 30')
})

test('mysql: lists the settings where comments with names do not arrive', () => {
  const { transaction_isolation: _, ...common } = mysql8
  const [, list, set] = sentOn(mysql.pinSession(batchLimits), selected(common), Object.entries(mysql8))
  expect(list?.text).toMatch(
    /^show session variables where variable_name in \('read_only', .*'tx_isolation'.*'transaction_isolation'/,
  )
  expect(set?.text).toContain('`transaction_isolation` = ?')
})

test('mysql: sets nothing that is as it should be', () => {
  const pinned = {
    sql_mode: 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    time_zone: '+00:00',
  }
  expect(sentOn(mysql.pinEnclosing(), selected({ ...mysql8, ...pinned }))).toHaveLength(1)
})

const named = { schema: undefined, name: 't' }

test('mysql: asks MySQL for invisible indexes, MariaDB for ignored ones', () => {
  const column = [['id', 'int', 'int', 'NO', '', null, null, 10, 0, '']]
  const index = [['PRIMARY', 'id', 0, 'A', 0]]
  const on = (version: string) =>
    sentOn(mysql.introspect(named), [['BASE TABLE', 'InnoDB', 'YES', version]], column, index)
  expect(on('8.0.36')[2]?.text).toContain("t.is_visible = 'NO'")
  expect(on('10.11.19-MariaDB-log')[2]?.text).toContain("t.ignored = 'YES'")
})

test('mysql: refuses servers without the SQL it needs', () => {
  for (const version of ['5.7.44-log', '8.0.18', '8.0.11-TiDB-v7.5.0', '10.5.28-MariaDB'])
    expect(() => sentOn(mysql.introspect(named), [['BASE TABLE', 'InnoDB', 'YES', version]])).toThrow(
      'UNSUPPORTED_DATABASE',
    )
})

test('mysql: classes errors as MySQL 8 words them', () => {
  const found = (errno: number, sqlState: string, sqlMessage: string) => {
    const { class: kind, subject } = mysql.classifyError({ errno, code: 'ER_X', sqlState, sqlMessage })
    return [kind, subject]
  }
  expect(found(1062, '23000', "Duplicate entry 'x' for key 'y' for key 'city.by_slug'")).toEqual(['row', 'by_slug'])
  expect(found(1366, 'HY000', "Incorrect string value: '\\xF0' for column 'name' at row 1")).toEqual(['row', 'name'])
  expect(found(1292, '22007', "Incorrect datetime value: 'x' for column 'at' at row 1")).toEqual(['row', 'at'])
  expect(found(3819, 'HY000', "Check constraint 'positive' is violated.")).toEqual(['row', 'positive'])
  expect(found(3140, '22032', 'Invalid JSON text: "x" at position 1 in value for column \'city.doc\'.')).toEqual([
    'row',
    'doc',
  ])
  expect(found(1644, '45000', "for key 'secret'!")).toEqual(['row', undefined])
  expect(found(1052, '23000', "Column 'id' in where clause is ambiguous")).toEqual(['fatal', undefined])
  expect(found(1290, 'HY000', 'The MySQL server is running with the --read-only option')).toEqual(['fatal', undefined])
  expect(found(3024, 'HY000', 'Query execution was interrupted')).toEqual(['transient', undefined])
  expect(found(4031, 'HY000', 'The client was disconnected by the server because of inactivity.')[0]).toBe(
    'connection-lost',
  )
  expect(mysql.classifyError({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }).class).toBe('connection-lost')
  expect(mysql.classifyError({ errno: -104, code: 'ECONNRESET', fatal: true }).class).toBe('connection-lost')
  expect(mysql.classifyError(new Error("Can't add new command when connection is in closed state")).class).toBe(
    'connection-lost',
  )
  expect(mysql.classifyError({ fatal: true }).class).toBe('connection-lost')
  expect(mysql.classifyError(undefined).class).toBe('fatal')
})
