import type { TableColumn, TableColumnOptions } from 'typeorm'
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js'

/** What TypeORM and the databases call types, and how a definition declares them. */
const words: Readonly<Record<string, string>> = {
  ...all('integer', 'int integer int2 int4 smallint mediumint tinyint year serial'),
  ...all('bigint', 'bigint int8'),
  ...all('double', 'double|double precision|float|float4|float8|real'),
  ...all('decimal', 'decimal dec numeric fixed number'),
  ...all(
    'text',
    'text|varchar|character varying|char|character|nchar|nvarchar|national varchar|national char|varying character|' +
      'native character|varchar2|nvarchar2|tinytext|mediumtext|longtext|clob|citext|enum|simple-enum|simple-array|simple-json',
  ),
  ...all('uuid', 'uuid uniqueidentifier'),
  ...all('boolean', 'boolean bool'),
  ...all('timestamp', 'timestamp|timestamptz|datetime|timestamp with time zone|timestamp without time zone|datetime2'),
  ...all('date', 'date'),
  ...all('time', 'time|timetz|time with time zone|time without time zone'),
  ...all('json', 'json jsonb'),
  ...all('bytes', 'bytea|blob|tinyblob|mediumblob|longblob|binary|varbinary'),
}

function all(word: string, types: string): Record<string, string> {
  return Object.fromEntries(types.split(types.includes('|') ? '|' : ' ').map((type) => [type, word]))
}

/** The word for a column, without the mark for NULL; undefined for arrays, ranges, geometry and the like. */
export function columnWord(column: TableColumn | TableColumnOptions, metadata?: ColumnMetadata): string | undefined {
  if (column.isArray) return undefined
  // MySQL's tinyint may be either; the entity knows.
  if (metadata && (metadata.type === Boolean || metadata.type === 'boolean' || metadata.type === 'bool'))
    return 'boolean'
  if (column.type === 'bit') return column.length === '1' || !column.length ? 'boolean' : undefined
  return words[column.type.toLowerCase()]
}
