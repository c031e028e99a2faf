import type { Key, KeyRange, PageRange, ReadMode, TablePlan } from '../dialect.js'
import { endInSteps, lookInSteps } from '../page-end.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { TableInfo } from '../table.js'
import { textOf } from './codecs.js'
import { beyond, columnOf, inRange, keyed, keyTexts, orderBy, share } from './rows.js'
import { spelling } from './spelling.js'

/* What is asked of a range of keys as such: where it ends, and whether a row in it matches. No row leaves the database. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

const number = (value: number): Sql => sql.raw(String(value))

export function lastKey(info: TableInfo, mode: ReadMode = 'plain'): Statement {
  return statement(
    'last-key',
    sql`select ${keyTexts(info)} from ${keyed(info)} order by ${orderBy(info, sql`desc`)} limit 1 ${share(mode)}`,
  )
}

export function keyAtMost(info: TableInfo, range: KeyRange, atMost: Key): Statement {
  return statement(
    'probe-key',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${inRange(info, range)} and ${beyond(info, atMost, '<', '<=')}
      order by ${orderBy(info, sql`desc`)} limit 1`,
  )
}

export function pageEnd(info: TableInfo, range: PageRange): Statement {
  const columns = sql.join(info.key.map((column, i) => sql`${columnOf(info, column)} as ${sql.id(`rs_k${i}`)}`))
  const ends = info.key.map((column, i) => textOf(column, sql.raw(`rs_p.rs_k${i}`)))
  const last = info.key.map((_, i) => sql.raw(`rs_p.rs_k${i} desc`))
  return statement(
    'page-end',
    sql`select ${sql.join(ends)}, count(*) over () from (
        select ${columns} from ${keyed(info)} where ${inRange(info, range)}
        order by ${orderBy(info)} limit ${number(range.limit)}) as rs_p
      order by ${sql.join(last)} limit 1`,
  )
}

function fullPageEnd(info: TableInfo, range: PageRange): Statement {
  return statement(
    'page-end',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${inRange(info, range)}
      order by ${orderBy(info)} limit 1 offset ${number(range.limit - 1)}`,
  )
}

function anyMatch({ info, where }: TablePlan, range: KeyRange): Statement {
  const matching = where ? sql`${inRange(info, range)} and (${where})` : inRange(info, range)
  return statement('any-match', sql`select 1 from ${keyed(info)} where ${matching} limit 1`)
}

export const stepToPageEnd = endInSteps(fullPageEnd, pageEnd)
export const lookAtPage = lookInSteps(stepToPageEnd, anyMatch)
