import type { RowSpeller, UpdateRow } from '../dialect.js'
import { type Sql, sql } from '../sql.js'

/*
 * Rows as a parameter: one JSON list of lists, whose columns are LONGTEXT. It is sent as bytes: of a text drivers would look at each
 * character, and most rows have six quotes to be escaped.
 */

/** How NULL is written in the parameter: JSON's own null was the text 'null' until MySQL 8.0.21; a list fits no scalar. */
const absent: readonly never[] = []

export interface InputColumn {
  readonly name: string
  /** Of the row's cell. */
  readonly position: number
}

export const inputColumns = (prefix: string, from: number, count: number): InputColumn[] =>
  Array.from({ length: count }, (_, i) => ({ name: `rs_${prefix}${i}`, position: from + i }))

/** Makes a list in JSON of each row: '["7","Rome","rome"]'. */
export function jsonLists(columns: readonly InputColumn[]): RowSpeller {
  const lists: string[] = []
  return {
    add: (row) => void lists.push(JSON.stringify(columns.map(({ position }) => row[position] ?? absent))),
    texts: () => lists,
  }
}

export function spelled(rows: readonly UpdateRow[], columns: readonly InputColumn[]): readonly string[] {
  const lists = jsonLists(columns)
  for (const row of rows) lists.add(row)
  return lists.texts()
}

/** json_table(convert(? using utf8mb4), '$[*]' columns (rs_ord for ordinality, rs_k0 longtext character set utf8mb4 path '$[0]', ...)) as rs_v */
export function input(rows: readonly UpdateRow[], columns: readonly InputColumn[]): Sql {
  return inputOf(spelled(rows, columns), columns)
}

/** The same of rows that are spelled. */
export function inputOf(lists: readonly string[], columns: readonly InputColumn[]): Sql {
  const paths = columns.map(({ name }, i) => sql.raw(`${name} longtext character set utf8mb4 path '$[${i}]'`))
  const json = Buffer.from(`[${lists.join()}]`)
  return sql`json_table(convert(${json} using utf8mb4), '$[*]' columns (rs_ord for ordinality, ${sql.join(paths)})) as rs_v`
}

export const given = (prefix: string, i: number): Sql => sql.raw(`rs_v.rs_${prefix}${i}`)
