import { type Sql, sql } from '../sql.js'
import type { ColumnInfo } from '../table.js'

/*
 * How keys and guards travel. SQLite types values, not columns: a TEXT column may hold a blob, an INTEGER column the text 'n/a',
 * and 1, 1.0 and '1' are three values. So every value is printed by its own type, never by the column's:
 *
 * - what the column's affinity makes of ordinary values is printed bare: 'Oslo' in a TEXT column, 12 in an INTEGER column, the
 *   hex digits of a blob in a BLOB column. Numeric affinity turns each text that looks like a number into one, so there the
 *   bare text of a text and of a number are never the same;
 * - everything else begins with U+0001 and a letter: `t` a text, `x` the hex digits of a blob, `n` a number. A text that begins
 *   with U+0001 itself is marked too.
 */

const mark = '\u0001'

/** What a column's ordinary values are. */
export type Storage = 'number' | 'text' | 'bytes' | 'jsonb'

export function storageOf(column: ColumnInfo): Storage {
  if (column.kind === 'json' && column.type === 'jsonb') return 'jsonb'
  if (column.kind === 'bytes') return 'bytes'
  return column.castType === 'TEXT' || column.castType === 'BLOB' ? 'text' : 'number'
}

const marked = (tag: 't' | 'x' | 'n', payload: Sql): Sql => sql`char(1) || ${sql.raw(`'${tag}'`)} || ${payload}`

/**
 * case typeof("name") when 'text' then case when unicode("name") = 1 then char(1) || 't' || "name" else "name" end
 *   when 'null' then null when 'blob' then char(1) || 'x' || hex("name") else char(1) || 'n' || quote("name") end
 *
 * quote() alone would cut texts at a NUL; it prints integers and reals so that they come back exactly.
 */
export function textOf(column: ColumnInfo, value: Sql): Sql {
  const storage = storageOf(column)
  const markedText = marked('t', value)
  const bareText = sql`case when unicode(${value}) = 1 then ${markedText} else ${value} end`
  const markedBlob = marked('x', sql`hex(${value})`)
  const text = storage === 'bytes' || storage === 'jsonb' ? markedText : bareText
  const blob =
    storage === 'bytes'
      ? sql`hex(${value})`
      : storage === 'jsonb'
        ? sql`case when json_valid(${value}, 8) then json(${value}) else ${markedBlob} end`
        : markedBlob
  const number = storage === 'number' ? sql`quote(${value})` : marked('n', sql`quote(${value})`)
  return sql`case typeof(${value}) when 'text' then ${text} when 'null' then null when 'blob' then ${blob} else ${number} end`
}

export const isMarked = (text: string): boolean => text.startsWith(mark)

/** A printed value taken apart; `bare` is for what is printed without a mark. */
export function unmarked(text: string): { readonly tag: 't' | 'x' | 'n' | 'bare'; readonly payload: string } {
  if (!isMarked(text)) return { tag: 'bare', payload: text }
  return { tag: text[1] as 't' | 'x' | 'n', payload: text.slice(2) }
}

/**
 * A key's text as the value it was printed from. Bare texts are bound as they are: beside a column they take its affinity, and
 * unlike cast(? as integer) that leaves a text alone which is no number.
 */
export function keyValue(column: ColumnInfo, text: string): Sql {
  const { tag, payload } = unmarked(text)
  if (tag === 'x' || (tag === 'bare' && storageOf(column) === 'bytes')) return sql`unhex(${payload})`
  return tag === 'n' ? sql`cast(${payload} as numeric)` : sql`${payload}`
}

/**
 * The same for a text that SQL holds. The mark is cut off as bytes, because substr() of a text stops at a NUL; 'a' tells how
 * many bytes a character of the mark has in the database's encoding.
 */
export function keyValueIn(column: ColumnInfo, text: Sql, hasMarks: boolean): Sql {
  const bare = storageOf(column) === 'bytes' ? sql`unhex(${text})` : text
  if (!hasMarks) return bare
  return sql`case when unicode(${text}) is not 1 then ${bare}
    when substr(${text}, 2, 1) = 'x' then unhex(substr(${text}, 3))
    when substr(${text}, 2, 1) = 'n' then cast(substr(${text}, 3) as numeric)
    else cast(substr(cast(${text} as blob), 1 + 2 * length(cast('a' as blob))) as text) end`
}

/**
 * Whether a column holds what its text was printed from: "name" is ? collate binary
 *
 * A bare text takes the column's affinity as it did when it was stored, so comparing it is exact: in a column of numeric affinity
 * a whole number is always stored as an integer, and no text and no number are the same. What is marked is compared as printed.
 */
export function isAsRead(column: ColumnInfo, value: Sql, text: string | null): Sql {
  if (text === null || (!isMarked(text) && storageOf(column) !== 'jsonb')) {
    return sql`${value} is ${storageOf(column) === 'bytes' ? sql`unhex(${text})` : sql`${text}`} collate binary`
  }
  return sql`${textOf(column, value)} is ${text}`
}

/** A new value, as its codec encodes it, for the assignment: the column's affinity does the rest. */
export function assigned(column: ColumnInfo, text: string | null): Sql {
  const storage = storageOf(column)
  if (storage === 'bytes') return sql`unhex(${text})`
  return storage === 'jsonb' ? sql`jsonb(${text})` : sql`${text}`
}

/** A value that the column held before, from its printed text. A bare text becomes what it was by the column's affinity. */
export function restored(column: ColumnInfo, text: string | null): Sql {
  if (text === null || !isMarked(text)) return assigned(column, text)
  const { tag, payload } = unmarked(text)
  if (tag === 'x') return sql`unhex(${payload})`
  // As NUMERIC 5.0 would become 5.
  if (tag === 'n') return /^-?\d+$/.test(payload) ? sql`cast(${payload} as integer)` : sql`cast(${payload} as real)`
  return sql`${payload}`
}
