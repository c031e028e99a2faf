import type { DatabaseName } from './test-database.js'

/** The words of a definition that the samples use. */
export type Word =
  | 'integer'
  | 'bigint'
  | 'double'
  | 'decimal'
  | 'text'
  | 'uuid'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json'
  | 'bytes'

/** A type as it is written in a table, the word it is declared by, and SQL literals of awkward values. */
export interface ColumnSample {
  readonly ddl: string
  readonly word: Word
  readonly literals: readonly string[]
}

const sample = (ddl: string, word: Word, ...literals: string[]): ColumnSample => ({ ddl, word, literals })

const awkwardTexts = [`''`, `'O''Brien "x" \\\\ {a,b}'`, `'emoji 😀'`, `' both ends '`, `'NULL'`]
const json = [`'{"a": [1, null, "x"], "b": {}}'`, `'null'`, `'[]'`, `'"text"'`, `'1.5'`]

const postgresIntegers = Object.fromEntries(
  [
    ['int2', '32767'],
    ['smallint', '-32768'],
    ['int', '2147483647'],
    ['int4', '-2147483648'],
    ['integer', '0'],
  ].map(([ddl, literal]) => [ddl, sample(ddl!, 'integer', literal!, '-1')]),
)
const postgresTexts = Object.fromEntries(
  ['character varying', 'varchar', 'text', 'citext'].map((ddl) => [ddl, sample(ddl, 'text', ...awkwardTexts)]),
)
const big = ['9223372036854775807', '-9223372036854775808', '0']
const floats = [`'NaN'`, `'Infinity'`, `'-0'`, '0.1', '1e-300']
const postgresText = (ddl: string, ...literals: string[]) => sample(ddl, 'text', ...literals)

/** By the name TypeORM documents. */
export const columnSamples: Readonly<Record<DatabaseName, Readonly<Record<string, ColumnSample>>>> = {
  postgres: {
    ...postgresIntegers,
    int8: sample('int8', 'bigint', ...big),
    bigint: sample('bigint', 'bigint', ...big),
    decimal: sample('decimal(20,4)', 'decimal', '1.5', '1.5000', '-99999999999999.9999', `'NaN'`),
    numeric: sample('numeric', 'decimal', '1.0', '1.00', '123456789012345678901234567890.123456789'),
    real: sample('real', 'double', '0.1', `'NaN'`, `'-0'`, '16777217'),
    float: sample('float', 'double', ...floats),
    float4: sample('float4', 'double', '0.1', `'Infinity'`),
    float8: sample('float8', 'double', ...floats),
    'double precision': sample('double precision', 'double', ...floats),
    money: postgresText('money', '12.34', '-92233720368547758.08'),
    ...postgresTexts,
    character: sample('character(5)', 'text', `'abc'`, `'äöüxy'`),
    char: sample('char(3)', 'text', `'a'`, `'   '`),
    bytea: sample('bytea', 'bytes', `'\\x'`, `'\\x00ff0a5c27'`),
    bit: postgresText('bit(3)', `B'101'`),
    varbit: postgresText('varbit(9)', `B'10110'`, `B''`),
    'bit varying': postgresText('bit varying(9)', `B'1'`),
    timestamptz: sample('timestamptz', 'timestamp', `'2026-03-29 02:30:00.123456+01'`, `'0044-03-15 12:00Z'`),
    'timestamp with time zone': sample('timestamp with time zone', 'timestamp', `'1969-12-31 23:59:59.999+00'`),
    timestamp: sample('timestamp', 'timestamp', `'2026-01-01 00:00:00.000001'`),
    'timestamp without time zone': sample('timestamp without time zone', 'timestamp', `'1582-10-10 00:00:00'`),
    date: sample('date', 'date', `'2026-02-28'`, `'0044-03-15 BC'`),
    time: sample('time', 'time', `'23:59:59.999999'`, `'24:00:00'`),
    'time without time zone': sample('time without time zone', 'time', `'00:00:00'`),
    timetz: sample('timetz', 'time', `'12:30:00.5+05:30'`),
    'time with time zone': sample('time with time zone', 'time', `'01:02:03-08'`),
    interval: postgresText('interval', `'1 mon'`, `'30 days'`, `'-1 year 2 mons 3 days 04:05:06.789'`),
    bool: sample('bool', 'boolean', 'true', 'false'),
    boolean: sample('boolean', 'boolean', 'true'),
    enum: sample('mood', 'text', `'happy'`, `'so so'`),
    point: postgresText('point', `'(1.5,-0)'`),
    line: postgresText('line', `'{1,2,3}'`),
    lseg: postgresText('lseg', `'[(0,0),(1,1)]'`),
    box: postgresText('box', `'((0,0),(2,2))'`),
    path: postgresText('path', `'[(0,0),(1,1)]'`, `'((0,0),(1,1))'`),
    polygon: postgresText('polygon', `'((0,0),(1,1),(1,0))'`),
    circle: postgresText('circle', `'<(1,2),3>'`),
    cidr: postgresText('cidr', `'10.0.0.0/8'`),
    inet: postgresText('inet', `'::1'`, `'192.168.0.1/24'`),
    macaddr: postgresText('macaddr', `'08:00:2b:01:02:03'`),
    macaddr8: postgresText('macaddr8', `'08:00:2b:01:02:03:04:05'`),
    tsvector: postgresText('tsvector', `'a:1 fat:2 cat:3'`),
    tsquery: postgresText('tsquery', `'fat & (rat | cat)'`),
    uuid: sample('uuid', 'uuid', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`),
    xml: postgresText('xml', `'<a b="c">d &amp; e</a>'`),
    json: sample('json', 'json', ...json),
    jsonb: sample('jsonb', 'json', ...json),
    jsonpath: postgresText('jsonpath', `'$.a[*] ? (@ > 1)'`),
    ...Object.fromEntries(
      (
        [
          ['int4', '[1,5)', 'empty'],
          ['int8', '[1,)', '(,)'],
          ['num', '(1.0,2.00]', 'empty'],
          ['ts', '[2026-01-01 00:00:00,2026-01-02 00:00:00)', 'empty'],
          ['tstz', '[2026-01-01 00:00:00+00,)', 'empty'],
          ['date', '[2026-01-01,2026-02-01)', 'empty'],
        ] as const
      ).flatMap(([base, first, second]) => [
        [`${base}range`, postgresText(`${base}range`, `'${first}'`, `'${second}'`)],
        [`${base}multirange`, postgresText(`${base}multirange`, `'{}'`, `'{${first}}'`)],
      ]),
    ),
    cube: postgresText('cube', `'(1,2),(3,4)'`),
    ltree: postgresText('ltree', `'Top.Science.Astronomy'`),
    hstore: postgresText('hstore', `'"a"=>"1", "b"=>NULL'`),
    // No name of its own in TypeORM's list: \`array: true\`.
    'text array': postgresText('text[]', `'{a,"b,c",NULL,"d\\"e"}'`, `'{}'`),
  },
  mariadb: {
    bit: sample('bit(10)', 'integer', `b'1010101010'`, `b'0'`),
    int: sample('int', 'integer', '2147483647', '-1'),
    integer: sample('integer unsigned', 'integer', '4294967295'),
    tinyint: sample('tinyint', 'integer', '-128'),
    smallint: sample('smallint', 'integer', '32767'),
    mediumint: sample('mediumint', 'integer', '-8388608'),
    bigint: sample('bigint unsigned', 'bigint', '18446744073709551615', '9007199254740993'),
    float: sample('float', 'double', '0.1', '16777217', '-0.0'),
    double: sample('double', 'double', '0.1', '1e-300', '1.7976931348623157e308'),
    'double precision': sample('double precision', 'double', '3.141592653589793'),
    real: sample('real', 'double', '-2.5'),
    decimal: sample('decimal(30,10)', 'decimal', '1.5', '12345678901234567890.0123456789'),
    dec: sample('dec(5,2)', 'decimal', '999.99'),
    numeric: sample('numeric(5,0)', 'decimal', '-99999'),
    fixed: sample('fixed(5,1)', 'decimal', '0.5'),
    bool: sample('bool', 'boolean', 'true', 'false'),
    boolean: sample('boolean', 'boolean', 'true'),
    date: sample('date', 'date', `'2026-02-28'`, `'1000-01-01'`),
    datetime: sample('datetime(6)', 'timestamp', `'2026-03-29 02:30:00.123456'`, `'9999-12-31 23:59:59'`),
    timestamp: sample('timestamp(3) null', 'timestamp', `'2026-03-29 02:30:00.123'`),
    time: sample('time(6)', 'time', `'-838:59:59'`, `'12:34:56.789012'`),
    year: sample('year', 'integer', '2026', '1901'),
    char: sample('char(10)', 'text', `'abc'`, `'äö😀'`),
    nchar: sample('nchar(10)', 'text', `'äö'`),
    'national char': sample('national char(10)', 'text', `'ß'`),
    varchar: sample('varchar(100)', 'text', ...awkwardTexts),
    nvarchar: sample('nvarchar(100)', 'text', `'é'`),
    'national varchar': sample('national varchar(100)', 'text', `'é '`),
    blob: sample('blob', 'bytes', `x''`, `x'00ff0a5c27'`),
    text: sample('text', 'text', ...awkwardTexts),
    tinyblob: sample('tinyblob', 'bytes', `x'80'`),
    tinytext: sample('tinytext', 'text', `'a '`),
    mediumblob: sample('mediumblob', 'bytes', `x'0102'`),
    mediumtext: sample('mediumtext', 'text', `repeat('long 😀', 20000)`),
    longblob: sample('longblob', 'bytes', `x'fffe'`),
    longtext: sample('longtext character set latin1', 'text', `'é'`),
    enum: sample(`enum('a', 'it''s', '')`, 'text', `'it''s'`, `''`),
    set: sample(`set('a', 'b', 'c')`, 'text', `'a,c'`, `''`),
    binary: sample('binary(4)', 'bytes', `x'00ff'`),
    varbinary: sample('varbinary(10)', 'bytes', `x'00ff20'`),
    json: sample('json', 'json', ...json),
    geometry: sample('geometry', 'text', `ST_GeomFromText('POINT(1 2)')`),
    point: sample('point', 'text', `ST_GeomFromText('POINT(-1.5 2)')`),
    linestring: sample('linestring', 'text', `ST_GeomFromText('LINESTRING(0 0,1 1)')`),
    polygon: sample('polygon', 'text', `ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')`),
    multipoint: sample('multipoint', 'text', `ST_GeomFromText('MULTIPOINT(0 0,1 1)')`),
    multilinestring: sample('multilinestring', 'text', `ST_GeomFromText('MULTILINESTRING((0 0,1 1))')`),
    multipolygon: sample('multipolygon', 'text', `ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')`),
    geometrycollection: sample(
      'geometrycollection',
      'text',
      `ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')`,
    ),
    uuid: sample('uuid', 'uuid', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`),
    inet4: sample('inet4', 'text', `'192.0.2.1'`),
    inet6: sample('inet6', 'text', `'2001:db8::ff00:42:8329'`),
  },
  sqlite: {
    ...Object.fromEntries(
      ['int', 'integer', 'tinyint', 'smallint', 'mediumint', 'int2'].map((ddl) => [
        ddl,
        sample(ddl, 'integer', '5', '-1', '0'),
      ]),
    ),
    ...Object.fromEntries(
      ['bigint', 'unsigned big int', 'int8'].map((ddl) => [ddl, sample(ddl, 'bigint', '9223372036854775807', '-1')]),
    ),
    ...Object.fromEntries(
      ['character', 'varchar', 'varying character', 'nchar', 'native character', 'nvarchar', 'text', 'clob'].map(
        (ddl) => [ddl, sample(ddl, 'text', ...awkwardTexts, `'a' || char(0) || 'b'`)],
      ),
    ),
    blob: sample('blob', 'bytes', `x''`, `x'00ff0a5c27'`),
    ...Object.fromEntries(
      ['real', 'double', 'double precision', 'float'].map((ddl) => [
        ddl,
        sample(ddl, 'double', '0.1', '1e-300', '9e999', '-2'),
      ]),
    ),
    numeric: sample('numeric', 'decimal', '1.5', '12'),
    decimal: sample('decimal(10,2)', 'decimal', '99.25', '-3'),
    boolean: sample('boolean', 'boolean', '1', '0'),
    date: sample('date', 'date', `'2026-02-28'`),
    time: sample('time', 'time', `'12:34:56'`),
    datetime: sample('datetime', 'timestamp', `'2026-03-29 02:30:00.123'`),
    json: sample('json', 'json', ...json),
    jsonb: sample('text', 'json', ...json),
  },
}

/** Types of TypeORM's lists that no server of the tests has, and why. */
export const missingTypes: Readonly<Record<DatabaseName, Readonly<Record<string, string>>>> = {
  postgres: {
    geometry: 'needs PostGIS',
    geography: 'needs PostGIS',
    vector: 'needs pgvector',
    halfvec: 'needs pgvector',
  },
  mariadb: { vector: 'MariaDB 11.7 and up' },
  sqlite: {},
}
