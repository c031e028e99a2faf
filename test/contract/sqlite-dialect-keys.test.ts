import { expect } from 'vitest'
import type { Session } from '../../src/adapters/database.js'
import type { Key, UpdateRow } from '../../src/dialects/dialect.js'
import { sql } from '../../src/dialects/sql.js'
import { sqlite } from '../../src/dialects/sqlite/index.js'
import type { TableInfo } from '../../src/dialects/table.js'
import {
  codeOf,
  column,
  errorOf,
  explain,
  inTransaction,
  pageKeys,
  planOf,
  rowsOf,
  type SqliteTest,
  tableInfo,
  testSqlite,
} from './sqlite-sessions.js'

/** Key types: the table, and values (SQL, and the text of the key) in the order of the index. */
const kinds: readonly { readonly key: string; readonly values: readonly (readonly [value: string, text: string])[] }[] =
  [
    {
      key: 'id integer primary key',
      values: [
        ['-9223372036854775808', '-9223372036854775808'],
        ['0', '0'],
        ['9', '9'],
        ['10', '10'],
        ['9007199254740993', '9007199254740993'],
        ['9223372036854775807', '9223372036854775807'],
      ],
    },
    {
      // An index of its own, so it can hold what a rowid cannot.
      key: 'id bigint not null primary key',
      values: [
        ['-9007199254740993', '-9007199254740993'],
        ['1', '1'],
        ['1.5', '1.5'],
        ['9', '9'],
        ['10', '10'],
        ['9007199254740993', '9007199254740993'],
        ["''", ''],
        ["char(1) || 'x31'", '\u0001t\u0001x31'],
        ["'12 apples'", '12 apples'],
        ["x'31'", '\u0001x31'],
      ],
    },
    {
      key: 'id varchar(20) not null primary key',
      values: [
        ["''", ''],
        ['char(1)', '\u0001t\u0001'],
        ["char(1) || char(0) || 'x'", '\u0001t\u0001\0x'],
        ["'1'", '1'],
        ["'10'", '10'],
        ["'9'", '9'],
        ["'A'", 'A'],
        ["'a'", 'a'],
        ["'a' || char(0)", 'a\0'],
        ["'a '", 'a '],
        ["'o''\\%'", "o'\\%"],
        ["'漢'", '漢'],
        ["'😀'", '😀'],
        ["x'30'", '\u0001x30'],
      ],
    },
    {
      key: 'id text not null collate nocase primary key',
      values: [
        ["'A'", 'A'],
        ["'b'", 'b'],
        ["'C'", 'C'],
        ["'é'", 'é'],
      ],
    },
    {
      key: 'id text not null collate rtrim primary key desc',
      values: [
        ["'a  '", 'a  '],
        ["'b'", 'b'],
      ],
    },
    {
      key: 'id decimal(30, 10) not null primary key',
      values: [
        ['-3.25', '-3.25'],
        ['0', '0'],
        ['0.1', '0.1'],
        ['0.1 + 0.2', '0.30000000000000004'],
        ['12', '12'],
        ['1e20', '1.0e+20'],
      ],
    },
    {
      key: 'id datetime not null primary key',
      values: [
        ['1763697960123', '1763697960123'],
        ["'2026-11-21 04:06:00'", '2026-11-21 04:06:00'],
        ["'2026-11-21 04:06:00.123'", '2026-11-21 04:06:00.123'],
        ["'2026-11-21T04:06:00Z'", '2026-11-21T04:06:00Z'],
      ],
    },
    {
      key: 'id uuid not null primary key',
      values: [
        ["'00000000-0000-0000-0000-000000000001'", '00000000-0000-0000-0000-000000000001'],
        ["'123e4567-e89b-12d3-a456-426655440000'", '123e4567-e89b-12d3-a456-426655440000'],
      ],
    },
    {
      key: 'id blob not null primary key',
      values: [
        ['5', '\u0001n5'],
        ['6.5', '\u0001n6.5'],
        ["'a' || char(0)", '\u0001ta\0'],
        ["x''", ''],
        ["x'00'", '00'],
        ["x'0000'", '0000'],
        ["x'31'", '31'],
        ["x'ff'", 'FF'],
      ],
    },
    {
      key: 'id boolean not null primary key',
      values: [
        ['0', '0'],
        ['1', '1'],
      ],
    },
  ]

const endings = [') ', ') without rowid', ') strict']
const isStrictType = (key: string) => /^id (integer|int|text|blob)\b/.test(key)

for (const { key, values } of kinds) {
  for (const ending of endings) {
    if (ending === ') strict' && (!isStrictType(key) || values.some(([, text]) => text.startsWith('\u0001')))) continue
    testSqlite(`pages over a key "${key}${ending.replace(') ', ' ').trimEnd()}", exactly`, async (test) => {
      await test.app(`create table k (${key}, note text${ending}`)
      // Not in key order, or the order of insertion would do.
      for (const [value] of [...values].reverse()) await test.app(`insert into k values (${value}, 'x')`)
      const session = await test.open()
      const info = await tableInfo(session, 'k')
      const plan = planOf(info, ['note'])
      const keys = values.map(([, text]): Key => [text])
      expect(await rowsOf(session, sqlite.lastKey(info))).toEqual([keys.at(-1)])
      for (const limit of [1, 3, 100]) expect(await pageKeys(session, plan, limit)).toEqual(keys)

      for (let i = 0; i < keys.length; i++) {
        const range = { after: i === 0 ? undefined : keys[i - 1], upTo: keys.at(-1)!, limit: 2 }
        const [end] = await rowsOf(session, sqlite.pageEnd(info, range))
        const lastOfPage = Math.min(i + 1, keys.length - 1)
        expect(end).toEqual([...keys[lastOfPage]!, lastOfPage - i + 1])
      }
      expect(await rowsOf(session, sqlite.pageEnd(info, { after: keys.at(-1), upTo: keys.at(-1)!, limit: 2 }))).toEqual(
        [],
      )

      // All keys at once in another order, with one that is not there.
      const absent = key.includes('blob') ? 'ABCDEF' : '123456'
      const read = await rowsOf(session, sqlite.readKeys(plan, [...keys.toReversed(), [absent]], 'plain'))
      expect(read).toEqual(keys.map((text) => [...text, 'x', 1]))

      const rows = keys.map((text, i): UpdateRow => [...text, 'x', `note ${i}`])
      const outcome = await session.run(inTransaction(sqlite.updateRows(plan, [column(info, 'note')], rows)))
      expect(outcome).toEqual({ unwritten: [], stillMatching: undefined })
      for (const [i, [value]] of values.entries()) {
        expect(
          await rowsOf(session, `select note from k where id = ${value} and typeof(id) = typeof(${value})`),
          value,
        ).toEqual([[`note ${i}`]])
      }

      // The range of one key, by an update of its own.
      for (let i = 0; i < keys.length; i++) {
        const range = { after: i === 0 ? undefined : keys[i - 1], upTo: keys[i]! }
        const set = [[column(info, 'note'), sql`'ranged ' || note`]] as const
        expect(await session.run(inTransaction(sqlite.updateRange(plan, set, range)))).toEqual({
          written: 1,
          stillMatching: undefined,
        })
      }
      expect(await rowsOf(session, `select count(*) from k where note like 'ranged note%'`)).toEqual([[keys.length]])
    })
  }
}

testSqlite('pages over a composite key in the order of its index', async (test) => {
  await test.app(`create table k (b text not null collate nocase, a int not null, c blob not null, note text,
    constraint k_pk primary key (a, b, c))`)
  const expected: Key[] = []
  for (const a of ['-1', '2', '10', 'x'])
    for (const b of ['A', 'b', '\u0001']) for (const c of ['', '00', '31']) expected.push([a, b, c])
  for (const [a, b, c] of expected.toReversed()) await test.app(`insert into k values (?, ?, unhex(?), 'x')`, [b, a, c])
  const session = await test.open()
  const info = await tableInfo(session, 'k')
  expect(info.key.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  const sorted = (await rowsOf(session, 'select a, b, hex(c) from k order by a, b, c')).map((row) =>
    row.map((cell) => (cell === '\u0001' ? '\u0001t\u0001' : String(cell))),
  )
  const plan = planOf(info, ['note'])
  for (const limit of [1, 2, 7]) expect(await pageKeys(session, plan, limit)).toEqual(sorted)
  expect(
    (await rowsOf(session, sqlite.readKeys(plan, sorted.toReversed(), 'plain'))).map((row) => row.slice(0, 3)),
  ).toEqual(sorted)
  const rows = sorted.map((key): UpdateRow => [...key, 'x', key.join()])
  const outcome = await session.run(inTransaction(sqlite.updateRows(plan, [column(info, 'note')], rows)))
  expect(outcome.unwritten).toEqual([])
})

async function infoOf(test: SqliteTest, session: Session, ...statements: readonly string[]): Promise<TableInfo> {
  await test.app('drop table if exists k')
  for (const statement of statements) await test.app(statement)
  return tableInfo(session, 'k')
}

testSqlite('pages by the first unique index without NULLs where there is no primary key', async (test) => {
  const session = await test.open()
  const info = await infoOf(
    test,
    session,
    'create table k (a text, b text not null unique, c int not null, d int not null, e int not null)',
    'create unique index k_a on k (a)',
    'create unique index k_b on k (c, d)',
    'create unique index k_partial on k (d) where e > 0',
    'create unique index k_expression on k (e + 1)',
  )
  expect(info.key.map(({ name }) => name)).toEqual(['b'])
  expect(info.uniqueIndexes.map(({ columns }) => columns)).toEqual([['a'], ['b'], ['c', 'd']])
  expect(info.columns.get('a')?.isNullable).toBe(true)
  expect(info.key[0]).toBe(info.columns.get('b'))
})

testSqlite('takes the primary key, and leaves out an index that no page could follow', async (test) => {
  const session = await test.open()
  const rowid = await infoOf(test, session, 'create table k (id integer primary key, b text not null unique)')
  expect(rowid.key.map(({ name }) => name)).toEqual(['id'])
  expect(rowid.uniqueIndexes.map(({ columns }) => columns)).toEqual([['id'], ['b']])
  // Neither a rowid nor NOT NULL.
  expect(await codeOf(infoOf(test, session, 'create table k (id integer primary key desc, b text)'))).toBe(
    'KEY_NULLABLE',
  )

  const mixed = await infoOf(
    test,
    session,
    'create table k (a int not null, b int not null, c text not null unique, primary key (a, b desc))',
  )
  expect(mixed.key.map(({ name }) => name)).toEqual(['c'])
  // Its index takes 'Bob' and 'bob' for one, and the order of the column has both.
  const otherCollation = await infoOf(
    test,
    session,
    'create table k (a text not null, b text not null)',
    'create unique index k_a on k (a collate nocase)',
    'create unique index k_b on k (b)',
  )
  expect(otherCollation.key.map(({ name }) => name)).toEqual(['b'])
  // A second index on the column does fit.
  await test.app('create unique index k_a2 on k (a)')
  await test.app('drop index k_b')
  expect((await tableInfo(session, 'k')).keyIndex).toBe('k_a2')
  await test.app('drop index k_a2')
  const refused = await errorOf(tableInfo(session, 'k'))
  expect(refused).toMatchObject({ code: 'KEY_UNSUPPORTED', details: { column: 'a' } })
  expect(String(refused)).toContain('collation')
})

const refusals: readonly (readonly [ddl: string, code: string])[] = [
  ['create table k (id text primary key)', 'KEY_NULLABLE'],
  ['create table k (id int primary key)', 'KEY_NULLABLE'],
  ['create table k (a int, b int not null, primary key (a, b))', 'KEY_NULLABLE'],
  ['create table k (a int unique)', 'KEY_NULLABLE'],
  ['create table k (a int not null)', 'KEY_NOT_UNIQUE'],
  ['create table k (id real not null primary key)', 'KEY_UNSUPPORTED'],
  ['create table k (id double precision not null primary key)', 'KEY_UNSUPPORTED'],
  ['create table k (id float not null primary key)', 'KEY_UNSUPPORTED'],
  ['create table k (id not null primary key)', 'KEY_UNSUPPORTED'],
  ['create table k (id any not null primary key) strict', 'KEY_UNSUPPORTED'],
  ['create table k (id jsonb not null primary key)', 'KEY_UNSUPPORTED'],
  ['create view k as select 1 as id', 'NOT_A_TABLE'],
  ['create virtual table k using fts3 (id)', 'NOT_A_TABLE'],
]

testSqlite('refuses what cannot be paged by, with a code', async (test) => {
  const session = await test.open()
  expect(await codeOf(tableInfo(session, 'k'))).toBe('TABLE_NOT_FOUND')
  for (const [ddl, code] of refusals) {
    await test.app(ddl)
    expect(await codeOf(tableInfo(session, 'k')), ddl).toBe(code)
    await test.app(`drop ${ddl.startsWith('create view') ? 'view' : 'table'} k`)
  }
  await test.app('create virtual table k using fts3 (id)')
  expect(await codeOf(tableInfo(session, 'k_content'))).toBe('NOT_A_TABLE')
})

testSqlite('takes keys that SQLite keeps from being NULL by itself', async (test) => {
  const session = await test.open()
  for (const ddl of [
    'create table k (id integer primary key)',
    'create table k (id INTEGER, primary key (id desc))',
    'create table k (id text primary key) without rowid',
    'create table k (id text primary key) strict',
    'create table k (a int, b text, primary key (b, a)) without rowid',
  ]) {
    expect((await infoOf(test, session, ddl)).key, ddl).not.toHaveLength(0)
  }
})

testSqlite('finds tables of attached and temporary databases, and names of any kind', async (test) => {
  const session = await test.open()
  await rowsOf(session, `attach ':memory:' as "o'ther"`)
  await rowsOf(session, `create table "o'ther"."we ird""; k" ("i d" integer primary key, "va lue" text unique)`)
  await rowsOf(session, `insert into "o'ther"."we ird""; k" values (1, 'a'), (2, null)`)
  for (const schema of [undefined, "o'ther"]) {
    const info = await tableInfo(session, 'we ird"; k', schema)
    expect(info.table.schema).toBe(schema)
    const plan = planOf(info, ['va lue'], sql`${sql.id('va lue')} is null`)
    expect(await rowsOf(session, sqlite.readPage(plan, { after: undefined, upTo: ['9'], limit: 9 }, 'plain'))).toEqual([
      ['1', null, 0],
      ['2', null, 1],
    ])
    const rows: UpdateRow[] = [['2', null, `b${schema === undefined ? 1 : 2}`]]
    expect(await session.run(inTransaction(sqlite.updateRows(plan, [column(info, 'va lue')], rows)))).toEqual({
      unwritten: [],
      stillMatching: undefined,
    })
    await rowsOf(session, `update "o'ther"."we ird""; k" set "va lue" = null where "i d" = 2`)
    expect(await session.run(sqlite.estimateRows(info.table))).toBe(2)
  }
})

const range = { after: ['5'] as Key, upTo: ['9'] as Key, limit: 10 }

testSqlite('finds the table that an unqualified name leads to', async (test) => {
  const session = await test.open()
  await rowsOf(session, `attach ':memory:' as other`)
  for (const schema of ['other', 'main', 'temp']) {
    await rowsOf(session, `create table ${schema}.K (${schema}_id integer primary key)`)
    expect([...(await tableInfo(session, 'k')).columns.keys()]).toEqual([`${schema}_id`])
  }
  expect([...(await tableInfo(session, 'k', 'MAIN')).columns.keys()]).toEqual(['main_id'])
})

testSqlite('reads and writes by the index, whatever else there is and whatever the statistics say', async (test) => {
  const session = await test.open()
  const keys: readonly (readonly [ddl: string, search: RegExp])[] = [
    ['create table k (id integer primary key, slug text, note text)', /^SEARCH k USING INTEGER PRIMARY KEY \(rowid/],
    [
      'create table k (id text not null primary key, slug text, note text)',
      /^SEARCH k USING (COVERING )?INDEX sqlite_autoindex_k_1 \(id/,
    ],
    ['create table k (id blob primary key, slug text, note text) without rowid', /^SEARCH k USING PRIMARY KEY \(id/],
  ]
  for (const [ddl, search] of keys) {
    for (const analysed of [undefined, 3, 50]) {
      await test.app('drop table if exists k')
      await test.app(ddl)
      // What tempts the planner: the condition of the backfill has an index.
      await test.app('create unique index k_slug on k (slug)')
      await test.app('create index k_note on k (note, id)')
      if (analysed !== undefined) {
        await test.app(
          `with recursive s (i) as (select 1 union all select i + 1 from s where i < ${analysed}) insert into k select cast(i as text), null, 'x' from s`,
        )
        await test.app('analyze')
      }
      const analysedSession = test.driver === 'sqljs' ? session : await test.open()
      const info = await tableInfo(analysedSession, 'k')
      const plan = planOf(info, ['note', 'slug'], sql`slug is null and note <> ${'y'}`)
      const only = async (statement: Parameters<typeof explain>[1]) =>
        (await explain(analysedSession, statement)).filter(
          (line) => !/^(CO-ROUTINE|SCAN) p$|^SCAN k$ AND NEVER/.test(line),
        )
      const what = `${ddl}, analysed ${analysed}`

      const page = await only(sqlite.readPage(plan, range, 'plain'))
      expect(page, what).toEqual([expect.stringMatching(search)])
      if (analysed !== 3) expect(page[0], what).toMatch(/>\?.*<\?/)
      const bare = await only(sqlite.readPage({ ...plan, where: undefined }, range, 'plain'))
      expect(bare, what).toEqual([expect.stringMatching(search)])
      const reread = await only(sqlite.readKeys(plan, [['1']], 'plain'))
      expect(reread.slice(0, 2), what).toEqual([expect.stringMatching(/^SCAN/), expect.stringMatching(search)])
      const end = await only(sqlite.pageEnd(info, range))
      expect(end, what).toContainEqual(expect.stringMatching(search))
      expect(
        end.filter((line) => /SCAN k(?! USING)/.test(line) && !/SCAN k$/.test(line)),
        what,
      ).toEqual([])

      const sent: string[][] = []
      for (const script of [
        sqlite.updateRows(plan, [column(info, 'slug')], [['1', 'x', null, 'y']]),
        sqlite.updateRange(plan, [[column(info, 'slug'), sql`note`]], range),
        sqlite.lockGuarded(plan, [['1', 'x', null]]),
      ]) {
        let step = script.next()
        while (!step.done) {
          sent.push([step.value.label, ...(await only({ ...step.value, each: undefined }))])
          // As if a row of the range still matched.
          step = script.next({ rows: step.value.label === 'check-written' ? [['1']] : [], affected: 1 })
        }
      }
      expect(sent.map(([label]) => label)).toEqual([
        'update-rows',
        'check-written',
        'check-written',
        'update-range',
        'check-written',
        'lock-guarded',
      ])
      for (const [label, ...lines] of sent) expect(lines, `${what}: ${label}`).toEqual([expect.stringMatching(search)])

      const taken = sqlite.takenValues(info, column(info, 'slug'), [{ key: ['1'], text: 'x' }]).next()
      const lines = await explain(analysedSession, taken.value as Parameters<typeof explain>[1])
      expect(lines, what).toContainEqual(
        expect.stringMatching(/^SEARCH k (EXISTS )?USING (COVERING )?INDEX k_slug \(slug=\?\)/),
      )
    }
  }
})

testSqlite('pages over a composite key by one range of its index', async (test) => {
  const session = await test.open()
  for (const ending of ['', ' without rowid']) {
    const info = await infoOf(
      test,
      session,
      `create table k (a int not null, b text not null collate nocase, c datetime not null, v text, primary key (a, b, c))${ending}`,
    )
    const statement = sqlite.readPage(
      planOf(info, ['v'], sql`v is null`),
      { after: ['1', 'x', 'y'], upTo: ['2', 'x', 'y'], limit: 5 },
      'plain',
    )
    const lines = await explain(session, statement)
    expect(lines.filter((line) => line.startsWith('SEARCH'))).toEqual([
      expect.stringContaining('((a,b,c)>(?,?,?) AND (a,b,c)<(?,?,?))'),
    ])
    expect(lines.filter((line) => line.includes('TEMP B-TREE'))).toEqual([])
  }
})

testSqlite('refuses a big table whose statistics call it nearly empty', async (test) => {
  await test.app('create table k (id integer primary key, v text)')
  for (const v of ['a', 'b', 'c', 'd']) await test.app(`insert into k (v) values ('${v}')`)
  await test.app('analyze')
  const session = await test.open()
  expect((await tableInfo(session, 'k')).key).toHaveLength(1)
  await test.app(
    'with recursive s (i) as (select 5 union all select i + 1 from s where i < 1500) insert into k select i, 1 from s',
  )
  const refused = await errorOf(tableInfo(session, 'k'))
  expect(refused).toMatchObject({ code: 'KEY_UNSUPPORTED' })
  expect(String(refused)).toContain('ANALYZE')
  await rowsOf(session, 'analyze')
  expect((await tableInfo(session, 'k')).key).toHaveLength(1)
})

testSqlite('estimates rows by statistics, or counts them', async (test) => {
  await test.app('create table k (id integer primary key, v text)')
  const session = await test.open()
  const table = { schema: undefined, name: 'k' }
  expect(await session.run(sqlite.estimateRows(table))).toBe(0)
  await test.app(
    'with recursive s (i) as (select 1 union all select i + 1 from s where i < 700) insert into k select i, 1 from s',
  )
  expect(await session.run(sqlite.estimateRows(table))).toBe(700)
  await test.app('create index k_v on k (v) where id < 3')
  await test.app('analyze')
  await test.app('delete from k where id > 600')
  expect(await session.run(sqlite.estimateRows(table))).toBe(700)
})
