import type { DataSource } from 'typeorm'
import { expect, onTestFinished } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import { batchLimits } from '../../src/backfill/connection/limits.js'
import { ownTransactions } from '../../src/backfill/connection/transaction.js'
import type { Followed } from '../../src/dialects/follow.js'
import type { Script } from '../../src/dialects/script.js'
import { openState } from '../../src/runs/open-state.js'
import { codeOf, portTo } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { createCities } from '../support/city-table.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'

function* one(text: string): Script<void> {
  yield { label: 'test', text, parameters: [] }
}

/** A follower of a table, as the engine would make it. */
class Follower {
  private constructor(
    readonly dataSource: DataSource,
    private readonly session: Session,
    readonly followed: Followed,
  ) {}

  private static readonly backfill = 'city.slug'

  static async of(
    dataSource: DataSource,
    table: string,
    columns: readonly string[],
    setup?: string,
  ): Promise<Follower> {
    const database = portTo(dataSource)
    const session = await database.connect()
    onTestFinished(() => session.release())
    if (setup) await session.run(one(setup))
    await session.run(database.dialect.pinSession(batchLimits))
    await openState(database, session, ownTransactions(database.dialect, batchLimits))
    const info = await session.run(database.dialect.introspect({ schema: undefined, name: table }))
    const watched = columns.map((name) => info.columns.get(name)!)
    return new Follower(dataSource, session, {
      names: database.stateNames,
      backfill: Follower.backfill,
      info,
      watched,
    })
  }

  private get dialect() {
    return portTo(this.dataSource).dialect
  }

  /** In a transaction, as the engine does it where DDL does not end one. */
  private inTransaction<T>(script: () => Script<T>): Promise<T> {
    const scope = ownTransactions(this.dialect, batchLimits)
    function* body() {
      return { isKept: true, value: yield* script() }
    }
    return this.session.run(this.dialect.hasTransactionalDdl ? scope.wrap(body()) : script())
  }

  install = () => this.inTransaction(() => this.dialect.follow.install(this.followed, batchLimits.lockTimeoutMs))
  stand = () => this.session.run(this.dialect.follow.stand(this.followed))
  remove = () => this.inTransaction(() => this.dialect.follow.remove(this.followed.names, this.followed.backfill))

  /** The keys noted since the last call, sorted. */
  async noted(): Promise<readonly (readonly string[])[]> {
    const { names, backfill } = this.followed
    const { state } = this.dialect
    const notes = await this.session.run(state.notes(names, backfill, 1_000))
    await this.inTransaction(() =>
      state.deleteNotes(
        names,
        notes.map((note) => note.id),
      ),
    )
    return notes.map((note) => JSON.parse(note.key) as string[]).sort()
  }
}

async function followCities(database: TestDatabase): Promise<Follower> {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 5)
  const follower = await Follower.of(dataSource, 'city', ['name'])
  await follower.install()
  return follower
}

contractTest('notes inserted rows, changed columns and changed keys, and nothing else', async (database) => {
  const follower = await followCities(database)
  const app = (query: string) => follower.dataSource.query(query)
  expect(await follower.stand()).toBe(true)
  expect(await follower.noted()).toEqual([])

  await app(`insert into city (id, name) values (10, 'New'), (11, 'Newer')`)
  expect(await follower.noted()).toEqual([['10'], ['11']])
  await app(`update city set name = 'Other' where id in (1, 3)`)
  expect(await follower.noted()).toEqual([['1'], ['3']])
  await app(`update city set id = 20 where id = 2`)
  expect(await follower.noted()).toEqual([['20']])
  // Equal to each other for a collation that ignores case and blanks, and yet not the same.
  await app(`update city set name = 'other ' where id = 1`)
  expect(await follower.noted()).toEqual([['1']])

  await app(`update city set slug = 'derived', touched = touched + 1`)
  await app(`update city set name = name`)
  await app(`delete from city where id = 4`)
  expect(await follower.noted()).toEqual([])
})

contractTest('makes its triggers once, and leaves nothing of them', async (database) => {
  const follower = await followCities(database)
  const dump = () =>
    follower.dataSource.query(
      bySql(database.name, {
        sqlite: `select name from sqlite_master where type = 'trigger'`,
        postgres: `select tgname::text as name from pg_trigger where not tgisinternal union all select proname from pg_proc where proname like 'rowshift%'`,
        mariadb: `select trigger_name as name from information_schema.triggers where trigger_schema = database()`,
      }),
    )
  expect(await dump()).toHaveLength(database.name === 'postgres' ? 4 : 2)
  await follower.install()
  expect(await dump()).toHaveLength(database.name === 'postgres' ? 4 : 2)
  await follower.remove()
  expect(await dump()).toEqual([])
  expect(await follower.stand()).toBe(false)
  await follower.remove()
  await follower.install()
  await follower.dataSource.query(`insert into city (id, name) values (10, 'New')`)
  expect(await follower.noted()).toEqual([['10']])
})

contractTest("leaves the numbers of the application's own inserts alone", async (database) => {
  const dataSource = await database.connect()
  await dataSource.query(
    bySql(database.name, {
      sqlite: 'create table city (id integer primary key autoincrement, name text)',
      postgres: 'create table city (id bigserial primary key, name text)',
      mariadb: 'create table city (id bigint auto_increment primary key, name varchar(50))',
    }),
  )
  const follower = await Follower.of(dataSource, 'city', ['name'])
  await follower.install()
  const runner = dataSource.createQueryRunner()
  for (let id = 1; id <= 3; id++) {
    await runner.query(`insert into city (name) values ('City')`)
    await runner.query(`update city set name = 'Changed' where id = ${id}`)
    const [row] = await runner.query(
      bySql(database.name, {
        sqlite: 'select last_insert_rowid() as id',
        postgres: 'select lastval() as id',
        mariadb: 'select last_insert_id() as id',
      }),
    )
    expect(Number(row.id)).toBe(id)
  }
  await runner.release()
})

contractTest('notes keys of several columns as they are read', async (database) => {
  const dataSource = await database.connect()
  const text = bySql(database.name, { sqlite: 'text', postgres: 'text', mariadb: 'varchar(50)' })
  await dataSource.query(
    `create table place (country ${text} not null, id bigint not null, name ${text}, primary key (country, id))`,
  )
  const follower = await Follower.of(dataSource, 'place', ['name'])
  await follower.install()
  const awkward = `a "b" \\ 'c'\n漢 😀`
  const marks = bySql(database.name, { sqlite: '?, ?', postgres: '$1, $2', mariadb: '?, ?' })
  await dataSource.query(`insert into place (country, id) values (${marks})`, [awkward, '9007199254740993'])
  expect(await follower.noted()).toEqual([[awkward, '9007199254740993']])
})

contractTestOn(['postgres'], 'notes the same whatever the session of the writer is set to', async (database) => {
  const dataSource = await database.connect()
  await dataSource.query('create table city (at timestamptz primary key, size float8, name text)')
  const follower = await Follower.of(dataSource, 'city', ['size'])
  await follower.install()
  const runner = dataSource.createQueryRunner()
  await runner.query(`set timezone = 'America/New_York'; set datestyle = 'SQL, DMY'; set extra_float_digits = -15`)
  await runner.query(`insert into city (at, size) values ('2024-06-01 12:00:00.123456+00', 0.1)`)
  expect(await follower.noted()).toEqual([['2024-06-01 12:00:00.123456+00']])
  await runner.query('update city set size = 0.10000000000000002')
  expect(await follower.noted()).toHaveLength(1)
  // As logical replication applies the changes of another server.
  await runner.query(`set session_replication_role = 'replica'`)
  await runner.query('update city set size = 1')
  expect(await follower.noted()).toHaveLength(1)
  await runner.release()
})

contractTestOn(
  ['postgres'],
  'notes what a BEFORE trigger changes, and cascades, and rows that move to another partition',
  async (database) => {
    const dataSource = await database.connect()
    await dataSource.query(`create table country (name text primary key);
    create table city (id int not null, name text, country text references country on update cascade, primary key (id)) partition by range (id);
    create table city_a partition of city for values from (0) to (100); create table city_b partition of city for values from (100) to (200);
    create function shout() returns trigger language plpgsql as $$ begin new.name = upper(new.country); return new; end $$;
    insert into country values ('no'); insert into city values (1, 'Oslo', 'no'), (2, 'Moss', 'no')`)
    const follower = await Follower.of(dataSource, 'city', ['name'])
    await follower.install()
    await dataSource.query('update city set id = 150 where id = 1')
    expect(await follower.noted()).toEqual([['150']])
    await dataSource.query('create trigger shout before update on city for each row execute function shout()')
    await dataSource.query(`update country set name = 'norge'`)
    expect(await follower.noted()).toEqual([['150'], ['2']])
    await dataSource.query('alter table city disable trigger user')
    expect(await follower.stand()).toBe(false)
  },
)

contractTestOn(
  ['postgres'],
  'notes the changes of users that have no right to the notes; others may not make the trigger',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 3)
    const role = `app_${Date.now()}`
    await dataSource.query(
      `create role ${role}; grant usage on schema public to ${role}; grant select, insert, update on city to ${role}`,
    )
    onTestFinished(async () => {
      const own = await database.connect()
      await own.query(`drop owned by ${role}; drop role ${role}`)
      await own.destroy()
    })
    const follower = await Follower.of(dataSource, 'city', ['name'])
    const refused = await database.connect({ extra: { options: `-c role=${role}` } } as never)
    await dataSource.query(`grant select, insert, update, delete on all tables in schema public to ${role}`)
    const other = await Follower.of(refused, 'city', ['name'])
    expect(await codeOf(other.install())).toBe('FOLLOW_NOT_PERMITTED')
    await follower.install()
    await dataSource.query(`revoke all on rowshift_change from ${role}`)
    await refused.query(`insert into city (id, name) values (9, 'New')`)
    expect(await follower.noted()).toEqual([['9']])
  },
)

contractTestOn(
  ['mariadb'],
  'refuses keys that print by the time zone, and changes that fire no trigger',
  async (database) => {
    const dataSource = await database.connect()
    await dataSource.query('create table tick (at timestamp not null primary key, name varchar(20))')
    expect(await codeOf((await Follower.of(dataSource, 'tick', ['name'])).install())).toBe('FOLLOW_UNSUPPORTED')
    await dataSource.query('create table country (id int primary key)')
    await dataSource.query(
      'create table town (id int primary key, name varchar(20), country int, foreign key (country) references country (id) on update cascade)',
    )
    expect(await codeOf((await Follower.of(dataSource, 'town', ['country'])).install())).toBe('FOLLOW_UNSUPPORTED')
    const follower = await Follower.of(dataSource, 'town', ['name'])
    await follower.install()
    expect(await follower.stand()).toBe(true)
  },
)

contractTestOn(['mariadb'], 'needs the right to make triggers, and says so', async (database) => {
  const dataSource = await database.connect()
  await createCities(dataSource, database.name, 3)
  await Follower.of(dataSource, 'city', ['name'])
  const user = `app_${Date.now()}`
  await dataSource.query(`create user ${user} identified by 'secret'`)
  onTestFinished(async () => {
    const own = await database.connect()
    await own.query(`drop user ${user}`)
    await own.destroy()
  })
  await dataSource.query(
    `grant select, insert, update, delete, create on ${new URL(database.url).pathname.slice(1)}.* to ${user}`,
  )
  const app = await database.connect({ username: user, password: 'secret' } as never)
  expect(await codeOf((await Follower.of(app, 'city', ['name'])).install())).toBe('FOLLOW_NOT_PERMITTED')
})

contractTestOn(
  ['sqlite'],
  'notes cascades, upserts and replaced rows; tables of another file it refuses',
  async (database) => {
    const dataSource = await database.connect()
    await dataSource.query('create table country (name text primary key not null)')
    await dataSource.query(
      'create table city (id integer primary key, name text collate nocase, country text references country on update cascade)',
    )
    await dataSource.query(`insert into country values ('no')`)
    await dataSource.query(`insert into city values (1, 'Oslo', 'no'), (2, 'Moss', 'no')`)
    const follower = await Follower.of(dataSource, 'city', ['name', 'country'])
    await follower.install()
    await dataSource.query(`update country set name = 'norge'`)
    expect(await follower.noted()).toEqual([['1'], ['2']])
    await dataSource.query(`insert or replace into city values (1, 'Oslo', 'norge')`)
    expect(await follower.noted()).toEqual([['1']])
    await dataSource.query(`insert into city values (2, 'Moss', 'norge') on conflict (id) do update set name = 'MOSS'`)
    expect(await follower.noted()).toEqual([['2']])
    // A number and the text of it are two values.
    await dataSource.query(`update city set name = cast('7' as blob) where id = 1`)
    await dataSource.query(`update city set name = '7' where id = 1`)
    expect(await follower.noted()).toEqual([['1'], ['1']])

    const setup = 'create temp table visit (id integer primary key, name text)'
    expect(await codeOf((await Follower.of(dataSource, 'visit', ['name'], setup)).install())).toBe('FOLLOW_UNSUPPORTED')
  },
)

contractTestOn(['sqlite'], 'sees that a rebuilt table has lost its triggers', async (database) => {
  const follower = await followCities(database)
  const runner = follower.dataSource.createQueryRunner()
  const slug = (await runner.getTable('city'))!.findColumnByName('slug')!
  await runner.changeColumn('city', slug, slug.clone())
  await runner.release()
  expect(await follower.stand()).toBe(false)
})
