import type { TableName } from '../../dialects/table.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

// Quotes, dots, spaces and punctuation in a name have to be quoted, so that a slip is not taken for an odd name.
const part = /"((?:[^"]|"")+)"|([\p{L}\p{N}\p{M}_$#@-]+)/uy

/**
 * A table name as users write it: `city`, `public.city`, `"my.schema"."we""ird"`. Names are taken as written: nothing is
 * folded to lower case.
 *
 * @throws RowshiftError INVALID_DEFINITION when the text is no such name
 */
export function parseTableName(text: string): TableName {
  const table = read(text)
  if (typeof table !== 'string') return table
  throw new RowshiftError('INVALID_DEFINITION', { message: `a table ${table}`, details: { table: text } })
}

/** What is wrong with a table name, as the end of a sentence and its remedy; undefined when nothing is. */
export function tableNameProblem(text: string): string | undefined {
  const table = read(text)
  return typeof table === 'string' ? table : undefined
}

function read(text: string): TableName | string {
  const parts: string[] = []
  part.lastIndex = 0
  for (;;) {
    const start = part.lastIndex
    const match = part.exec(text)
    if (match === null) return malformed(text, start)
    const name = match[1]?.replaceAll('""', '"') ?? match[2] ?? ''
    if (/\p{Cc}|\p{Cs}/u.test(name)) return malformed(text, start)
    parts.push(name)
    if (part.lastIndex === text.length) break
    if (text[part.lastIndex] !== '.') return malformed(text, part.lastIndex)
    part.lastIndex++
  }
  const [first = '', second] = parts
  if (parts.length > 2) {
    return `is ${JSON.stringify(text)}, of ${parts.length} parts. Write "table" or "schema.table": the database is the connection's.`
  }
  return second === undefined ? { schema: undefined, name: first } : { schema: first, name: second }
}

function malformed(text: string, position: number): string {
  return (
    `is ${JSON.stringify(text)}, which is no table name (see position ${position + 1}). ` +
    'Write city or public.city, and put parts with other characters in double quotes: "my schema"."my table".'
  )
}

/** Whether a text names a table that is in a schema: with it, or where it is found without (`table.schema` is undefined then). */
export function isNamed(text: string, table: TableName, schema: string): boolean {
  const named = parseTableName(text)
  return named.name === table.name && (named.schema === table.schema || named.schema === schema)
}

/** A table's name as a definition writes it: what `parseTableName` reads back. */
export function writeTableName({ schema, name }: TableName): string {
  const parts = schema === undefined ? [name] : [schema, name]
  return parts
    .map((text) => (/^[\p{L}\p{N}\p{M}_$#@-]+$/u.test(text) ? text : `"${text.replaceAll('"', '""')}"`))
    .join('.')
}
