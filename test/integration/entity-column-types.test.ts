import { type DataSource, EntitySchema, type EntitySchemaColumnOptions } from 'typeorm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defineBackfill } from '../../src/index.js'
import { runBackfill } from '../support/backfills.js'
import { bySql } from '../support/by-sql.js'
import { type DatabaseName, describeTypeorm, type TestDatabase } from '../support/databases.js'
import { inTimeZone } from '../support/time-zone.js'

/*
 * An entity's transform sees what TypeORM's find gives, and stores what TypeORM's save would store, column type by column type. The
 * process is not in UTC: TypeORM's drivers take times without a zone for local ones.
 */
inTimeZone('America/New_York')

class Sample {
  id!: number
  /** Saved by TypeORM, read by the backfill. */
  x!: unknown
  /** Written by the backfill. */
  y!: unknown
  /** What TypeORM makes of x as it found it. */
  z!: unknown
  done!: number | null
}

interface ColumnKind {
  readonly column: Partial<EntitySchemaColumnOptions> & Pick<EntitySchemaColumnOptions, 'type'>
  /** Properties, as an application sets them. */
  readonly values: readonly unknown[]
  /** The same as SQL, for what no property can hold. */
  readonly literals?: readonly string[]
}

type Column = ColumnKind['column']

const kind = (
  column: Column | Column['type'],
  values: readonly unknown[],
  literals: readonly string[] = [],
): ColumnKind => ({
  column: typeof column === 'object' ? column : { type: column },
  values,
  literals,
})

const kinds: Readonly<Record<DatabaseName, readonly ColumnKind[]>> = (() => {
  const texts = ['', 'é 😀', `O'Brien "x" \\ {a,b}`, ' both ends ', 'null', 'NULL', '{}', '[1]', '2024-01-01', '5']
  const jsons = [{ a: [1, null, { b: 'é "😀"' }] }, [], [[1], []], 'text', '"quoted"', 'null', 5, 0, true, false, {}]
  const bytes = [Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.alloc(0), Buffer.from('\\x00')]
  const dates = ['2024-02-29', '1969-12-31', '0099-01-01']
  const times = ['00:00:00', '23:59:59']
  // One is in the hour that New York has twice, one in the hour that it leaves out, as UTC.
  const moments = [
    '2024-11-03T06:30:00.123Z',
    '2024-03-10T07:30:00Z',
    '1970-01-01T00:00:00Z',
    '2024-06-01T12:00:00.001Z',
  ].map((text) => new Date(text))
  const flags = [true, false]
  const transformers: ColumnKind[] = [
    kind({ type: 'varchar', transformer: { to: (v) => v && `<${v}>`, from: (v) => v && String(v).slice(1, -1) } }, [
      'a',
      '<b>',
    ]),
    kind(
      {
        type: 'varchar',
        transformer: [
          { to: (v) => v?.join('|') ?? null, from: (v) => v?.split('|') ?? null },
          { to: (v) => v && `(${v})`, from: (v) => v?.slice(1, -1) },
        ],
      },
      [['a', 'b'], ['c']],
    ),
    kind({ type: 'int', transformer: { to: (v) => (v === undefined ? v : v ? 1 : 0), from: (v) => v === 1 } }, flags),
    kind({ type: 'bigint', transformer: { to: (v) => v?.toString(), from: (v) => v && BigInt(v) } }, [
      1n,
      -9007199254740991n,
    ]),
    kind('simple-array', [['a', 'b c'], ['é']]),
    kind('simple-json', jsons),
    kind({ type: 'simple-enum', enum: ['one', 'two', 'so "so"'] }, ['one', 'so "so"']),
    kind({ type: 'simple-enum', enum: [1, 2] }, [1, 2]),
    kind(String, texts),
    kind(Number, [1, -5, 0]),
    kind(Boolean, flags),
    kind(Date, moments),
  ]
  return {
    postgres: [
      ...['int', 'int2', 'int4', 'smallint', 'integer'].map((type) => kind(type as 'int', [0, -1, 32767])),
      ...['int8', 'bigint'].map((type) => kind(type as 'int8', ['9223372036854775807', '-1', 5])),
      ...['decimal', 'numeric'].map((type) =>
        kind(type as 'decimal', ['1.50', '-12345678901234567890.1', 2.5], [`'NaN'`]),
      ),
      kind({ type: 'decimal', precision: 10, scale: 2 }, ['1.50', 3]),
      ...['real', 'float4'].map((type) => kind(type as 'real', [0.5, 1e10], [`'NaN'`, `'Infinity'`, '0.1'])),
      ...['float', 'float8', 'double precision'].map((type) =>
        kind(type as 'float', [0.1, 1e-300, -1.7976931348623157e308], [`'NaN'`, `'-Infinity'`, '0.30000000000000004']),
      ),
      kind('money', ['12.34', -5]),
      ...['character varying', 'varchar', 'text', 'citext'].map((type) => kind(type as 'text', texts)),
      kind({ type: 'varchar', length: 10 }, ['0123456789', 'ab ']),
      ...['character', 'char'].map((type) => kind({ type: type as 'char', length: 5 }, ['abc', 'é😀', '     '])),
      kind('hstore', ['"a"=>"1", "b"=>NULL', '']),
      kind({ type: 'hstore', hstoreType: 'object' }, [{ a: '1', 'b "c"': 'd\\e', n: null }]),
      kind('bytea', bytes),
      kind({ type: 'bit', length: 3 }, ['101', '000']),
      ...['varbit', 'bit varying'].map((type) => kind(type as 'varbit', ['1', '10110'])),
      ...['timestamptz', 'timestamp with time zone'].map((type) =>
        kind(type as 'timestamptz', moments, [`'2024-01-01 00:00:00.123456+00'`, `'infinity'`]),
      ),
      ...['timestamp', 'timestamp without time zone'].map((type) =>
        kind(type as 'timestamp', moments, [`'2024-01-01 00:00:00.123456'`, `'2024-07-01 00:00:00.5'`]),
      ),
      kind({ type: 'timestamp', precision: 0 }, moments),
      kind('date', dates, [`'infinity'`]),
      ...['time', 'time without time zone'].map((type) =>
        kind(type as 'time', times, [`'12:00:00.123456'`, `'24:00:00'`]),
      ),
      ...['timetz', 'time with time zone'].map((type) => kind(type as 'timetz', ['12:00:00+05:30', '12:00:00.5-08'])),
      kind('interval', ['1 mon', '30 days', '-1 year 2 mons 3 days 04:05:06.789', '0']),
      ...['bool', 'boolean'].map((type) => kind(type as 'bool', flags)),
      kind({ type: 'enum', enum: ['glad', "o'th er", 'so "so"', 'a,b'] }, ['glad', "o'th er", 'so "so"', 'a,b']),
      kind({ type: 'enum', enum: ['glad', "o'th er", 'so so'], array: true }, [['glad', "o'th er"], ['so so'], []]),
      kind('point', ['(1.5,2)', { x: -1, y: 0.1 }]),
      kind('circle', ['<(1.5,2),3>', { x: -1, y: 0.1, radius: 5 }]),
      kind('line', ['{1,2,3}']),
      kind('lseg', ['[(0,0),(1,1)]']),
      kind('box', ['(2,2),(0,0)']),
      kind('path', ['((0,0),(1,1))', '[(0,0),(1,1)]']),
      kind('polygon', ['((0,0),(1,1),(1,0))']),
      kind('cidr', ['10.0.0.0/8', '::/0']),
      kind('inet', ['10.0.0.1', '10.0.0.1/8', '::1']),
      kind('macaddr', ['08:00:2b:01:02:03']),
      kind('macaddr8', ['08:00:2b:01:02:03:04:05']),
      kind('tsvector', [`'fat':2 'cat':3`]),
      kind('tsquery', [`'fat' & 'rat'`]),
      kind('uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']),
      kind('xml', ['<a b="c">d &amp; é</a>']),
      kind('json', jsons, [`'null'`, `'{"a":  1.00, "a": 2}'`, `'12345678901234567890'`]),
      kind('jsonb', jsons, [`'null'`, `'{"a":  1.00}'`]),
      kind('jsonpath', ['$."a"[*]']),
      kind('int4range', ['[1,5)', 'empty', '(,)']),
      kind('int8range', ['[1,9223372036854775807)']),
      kind('numrange', ['(1.0,2.00]']),
      kind('tsrange', ['["2024-01-01 00:00:00","2024-01-02 00:00:00")']),
      kind('tstzrange', ['["2024-01-01 00:00:00+00",)']),
      kind('daterange', ['[2024-01-01,2024-02-01)']),
      kind('int4multirange', ['{[1,5),[7,8)}', '{}']),
      kind('int8multirange', ['{[1,5)}']),
      kind('nummultirange', ['{(1.0,2.00]}']),
      kind('tsmultirange', ['{["2024-01-01 00:00:00","2024-01-02 00:00:00")}']),
      kind('tstzmultirange', ['{["2024-01-01 00:00:00+00",)}']),
      kind('datemultirange', ['{[2024-01-01,2024-02-01)}']),
      kind('cube', [[1, 2, 3]]),
      kind('ltree', ['Top.Science.Astronomy']),
      kind({ type: 'int', array: true }, [[1, 2], [], [-5]], [`'{{1,2},{3,4}}'`, `'{1,NULL}'`]),
      kind(
        { type: 'text', array: true },
        [['a', 'b,c', '"d"', 'e\\f', '', 'null', 'NULL', 'é 😀', '{}'], []],
        [`'{a,NULL}'`],
      ),
      kind({ type: 'varchar', array: true, length: 3 }, [['abc', '']]),
      kind({ type: 'bigint', array: true }, [['9223372036854775807', '1']]),
      kind({ type: 'numeric', array: true }, [[1.5, 2]]),
      kind({ type: 'uuid', array: true }, [['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']]),
      kind({ type: 'boolean', array: true }, [[true, false]]),
      kind({ type: 'float8', array: true }, [[0.1, 1e-300]], [`'{NaN,Infinity}'`]),
      kind({ type: 'timestamptz', array: true }, [moments]),
      kind({ type: 'date', array: true }, [], [`'{2024-02-29,2024-07-01}'`]),
      kind({ type: 'timestamp', array: true }, [], [`'{"2024-07-01 00:00:00.123","2024-11-03 01:30:00"}'`]),
      kind({ type: 'bytea', array: true }, [[Buffer.from([0, 255])]]),
      ...transformers,
    ],
    mariadb: [
      ...['int', 'integer', 'tinyint', 'smallint', 'mediumint'].map((type) => kind(type as 'int', [0, -1, 127])),
      kind({ type: 'int', unsigned: true }, [4294967295]),
      kind('bigint', ['9223372036854775807', '-1', 5]),
      kind({ type: 'bigint', unsigned: true }, ['18446744073709551615']),
      kind('bit', [Buffer.from([1]), Buffer.from([0])]),
      ...['decimal', 'dec', 'numeric', 'fixed'].map((type) =>
        kind({ type: type as 'decimal', precision: 30, scale: 10 }, ['1.5', '-12345678901234567890.1', 2.5]),
      ),
      kind('float', [0.5, 0.1, 1e10]),
      ...['double', 'double precision', 'real'].map((type) =>
        kind(type as 'double', [0.1, 1e-300, -1.7976931348623157e308]),
      ),
      ...['bool', 'boolean'].map((type) => kind(type as 'bool', flags)),
      kind('date', dates.slice(0, 2), [`'1000-01-01'`]),
      kind({ type: 'datetime', precision: 6 }, moments, [`'2024-01-01 00:00:00.123456'`, `'2024-07-01 00:00:00.5'`]),
      kind('datetime', moments),
      kind(
        { type: 'timestamp', precision: 6 },
        [new Date('2024-12-03T06:30:00.123Z'), new Date(1000)],
        [`'2024-01-01 00:00:00.123456'`],
      ),
      kind('time', [...times, '-838:59:59']),
      kind({ type: 'time', precision: 3 }, ['12:34:56.789']),
      kind('year', [2024, 1901]),
      ...['char', 'nchar', 'national char'].map((type) =>
        kind({ type: type as 'char', length: 10 }, ['abc', 'é😀', '']),
      ),
      ...['varchar', 'nvarchar', 'national varchar'].map((type) =>
        kind(type as 'varchar', type === 'varchar' ? texts : ['é', '']),
      ),
      kind({ type: 'varchar', charset: 'latin1', collation: 'latin1_swedish_ci' }, ['é ß', 'Ärger €']),
      ...['text', 'tinytext', 'mediumtext', 'longtext'].map((type) => kind(type as 'text', texts)),
      ...['blob', 'mediumblob', 'longblob'].map((type) => kind(type as 'blob', bytes)),
      kind('tinyblob', bytes.slice(1)),
      kind({ type: 'binary', length: 4 }, [Buffer.from([0, 255, 39, 92])]),
      kind({ type: 'varbinary', length: 300 }, bytes),
      kind({ type: 'enum', enum: ['glad', "o'th er", 'a,b'] }, ['glad', "o'th er", 'a,b']),
      kind({ type: 'enum', enum: [1, 2] }, [1, 2]),
      kind({ type: 'set', enum: ['a', 'b', 'c'] }, [['a', 'c'], ['b'], []]),
      kind(
        'json',
        // What mysql2 has parsed, TypeORM parses again if it is a text.
        jsons.filter((value) => value !== '"quoted"' && value !== 'null'),
        [`'null'`, `'{"a":  1.00}'`],
      ),
      kind('uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']),
      kind('inet4', ['192.0.2.1']),
      kind('inet6', ['2001:db8::ff00:42:8329']),
      ...transformers,
    ],
    sqlite: [
      ...['int', 'integer', 'tinyint', 'smallint', 'mediumint', 'int2'].map((type) =>
        kind(type as 'int', [0, -1, 127]),
      ),
      ...['bigint', 'int8', 'unsigned big int'].map((type) => kind(type as 'bigint', [5, -9007199254740991])),
      ...['character', 'varchar', 'varying character', 'nchar', 'native character', 'nvarchar', 'text', 'clob'].map(
        (type) => kind(type as 'varchar', texts, [`'a' || char(0) || 'b'`]),
      ),
      kind({ type: 'varchar', length: 10 }, ['0123456789']),
      kind('blob', bytes),
      ...['real', 'double', 'double precision', 'float'].map((type) => kind(type as 'real', [0.1, 1e-300, -5])),
      ...['numeric', 'decimal'].map((type) => kind(type as 'decimal', [1.5, 12, -0.25])),
      kind('boolean', flags),
      kind('date', dates.slice(0, 2)),
      kind('time', times),
      kind('datetime', moments, [`'2024-01-01 00:00:00'`, `'2024-01-01T00:00:00.000Z'`]),
      kind('json', jsons),
      kind('jsonb', jsons),
      ...transformers,
    ],
  }
})()

/** Types of TypeORM's lists that are not tried, and why. */
const exceptions: Readonly<Record<DatabaseName, Readonly<Record<string, string>>>> = {
  postgres: {
    geometry: 'needs PostGIS',
    geography: 'needs PostGIS',
    vector: 'needs pgvector',
    halfvec: 'needs pgvector',
  },
  mariadb: {
    vector: 'MariaDB 11.7 and up',
    ...Object.fromEntries(
      [
        'geometry',
        'point',
        'linestring',
        'polygon',
        'multipoint',
        'multilinestring',
        'multipolygon',
        'geometrycollection',
      ].map((type) => [type, 'TypeORM converts it in SQL']),
    ),
  },
  sqlite: {},
}

const title = ({ column: { type, transformer, array, ...rest } }: ColumnKind): string => {
  const options = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`)
  const words = [typeof type === 'function' ? type.name : type, ...(array ? ['array'] : []), ...options]
  return [...words, ...(transformer ? [Array.isArray(transformer) ? 'transformers' : 'transformer'] : [])].join(', ')
}

function entityOf(column: Column, index: number): { readonly Entity: typeof Sample; readonly schema: EntitySchema } {
  class Entity extends Sample {}
  const copy = { ...column, nullable: true } as EntitySchemaColumnOptions
  const schema = new EntitySchema<Sample>({
    name: `Sample${index}`,
    target: Entity,
    tableName: `s${index}`,
    columns: {
      id: { type: Number, primary: true },
      x: copy,
      y: copy,
      z: copy,
      done: { type: Number, nullable: true },
    },
  })
  return { Entity, schema }
}

/** On MariaDB a TIMESTAMP shows its moment in the session's zone, so that is the zone of the process, as far as winter goes. */
async function connectFromNewYork(database: TestDatabase, entities: EntitySchema[]): Promise<DataSource> {
  const dataSource = await database.connect({ entities })
  if (database.name !== 'mariadb') return dataSource
  const { pool } = dataSource.driver as unknown as {
    pool: { on(event: 'connection', listener: (connection: { query(text: string): void }) => void): void }
  }
  const setZone = `set time_zone = '-05:00'`
  pool.on('connection', (connection) => connection.query(setZone))
  // For the one that is open already.
  await dataSource.query(setZone)
  return dataSource
}

describeTypeorm((target) => {
  const samples = kinds[target.name].map((sample, i) => ({ ...sample, ...entityOf(sample.column, i), table: `s${i}` }))
  let database: TestDatabase
  let dataSource: DataSource
  beforeAll(async () => {
    database = await target.createDatabase()
    dataSource = await connectFromNewYork(
      database,
      samples.map(({ schema }) => schema),
    )
    for (const extension of bySql(target.name, {
      sqlite: [],
      postgres: ['citext', 'hstore', 'cube', 'ltree'],
      mariadb: [],
    })) {
      await dataSource.query(`create extension if not exists ${extension}`)
    }
    await dataSource.synchronize()
  })
  afterAll(() => database.drop())

  test('has a sample for every column type that TypeORM documents, or a reason why not', () => {
    const { supportedDataTypes } = dataSource.driver as unknown as { readonly supportedDataTypes: readonly string[] }
    const known = new Set<unknown>([
      ...samples.map(({ column }) => column.type),
      ...Object.keys(exceptions[target.name]),
    ])
    expect(supportedDataTypes.filter((type) => !known.has(type))).toEqual([])
  })

  for (const sample of samples) {
    test(`reads and writes as TypeORM does: ${title(sample)}`, async () => {
      const { Entity, table, values, literals = [] } = sample
      const repository = dataSource.getRepository(Entity)
      for (const [i, x] of values.entries()) await repository.save(repository.create({ id: i + 1, x }))
      for (const [i, literal] of literals.entries()) {
        await dataSource.query(`insert into ${table} (id, x) values (${values.length + i + 1}, ${literal})`)
      }
      const count = values.length + literals.length
      await dataSource.query(`insert into ${table} (id) values (${count + 1})`)
      const found = await repository.find({ order: { id: 'asc' } })
      for (const { id, x } of found) if (id <= count && x !== null) await repository.update(id, { z: x as never })
      const exact = (column: string) =>
        bySql(target.name, {
          sqlite: `typeof(${column}) || quote(cast(${column} as blob))`,
          postgres: `${column}::text`,
          mariadb: `hex(${column})`,
        })
      const stored = async (): Promise<readonly Record<'x' | 'y' | 'z', unknown>[]> =>
        dataSource.query(`select ${exact('x')} as x, ${exact('y')} as y, ${exact('z')} as z from ${table} order by id`)
      const before = await stored()

      const seen = new Map<number, unknown>()
      const copied = await runBackfill(
        dataSource,
        defineBackfill({
          name: `${table}.copy`,
          table: Entity,
          select: { x: true },
          write: { y: true },
          where: { y: null, x: { not: null } },
          transform(row, { key }) {
            seen.set(Number(key[0]), row.x)
            return { y: row.x }
          },
        }),
      )
      expect(copied).toMatchObject({
        status: 'completed',
        counts: { written: found.filter(({ id, x }) => id <= count && x !== null).length },
      })
      expect(seen).toEqual(new Map(found.slice(0, count).map(({ id, x }) => [id, x])))
      const after = await stored()
      expect(after.map(({ y }) => y)).toEqual(before.map(({ z }) => z))

      const passed = await runBackfill(
        dataSource,
        defineBackfill({
          name: `${table}.pass`,
          table: Entity,
          select: { x: true },
          write: { x: true, done: true },
          where: { done: null },
          transform: (row) => ({ x: row.x, done: 1 }),
        }),
      )
      expect(passed).toMatchObject({ status: 'completed', counts: { written: count + 1 } })
      expect((await stored()).map(({ x }) => x)).toEqual(before.map(({ x }) => x))
    })
  }
})
