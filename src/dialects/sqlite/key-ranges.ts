import type { Key, KeyRange, PageRange, TablePlan } from '../dialect.js'
import { endInSteps, lookInSteps } from '../page-end.js'
import { render, type Sql, type Statement, sql } from '../sql.js'
import type { TableInfo } from '../table.js'
import { compare, holds, inRange, keyColumns, keyed, keyTexts, orderBy } from './rows.js'
import { spelling } from './spelling.js'

/* What is asked of a range of keys as such: where it ends, and whether a row in it matches. No row leaves the database. */

const statement = (label: string, piece: Sql): Statement => render(piece, spelling, label)

const number = (value: number): Sql => sql.raw(String(value))

export function lastKey(info: TableInfo): Statement {
  return statement(
    'last-key',
    sql`select ${keyTexts(info)} from ${keyed(info)} order by ${orderBy(keyColumns(info), sql`desc`)} limit 1`,
  )
}

export function keyAtMost(info: TableInfo, range: KeyRange, atMost: Key): Statement {
  return statement(
    'probe-key',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${inRange(info, range)} and ${compare(info, '<=', atMost)}
      order by ${orderBy(keyColumns(info), sql`desc`)} limit 1`,
  )
}

/**
 * select <text of "city"."id">, count(*) over () from (select "city"."id" from "city" where ... order by "city"."id" limit 2000) as "city"
 * order by "city"."id" desc limit 1
 */
export function pageEnd(info: TableInfo, range: PageRange): Statement {
  const columns = sql.join(keyColumns(info))
  const page = sql`select ${columns} from ${keyed(info)} where ${inRange(info, range)} order by ${orderBy(keyColumns(info))}
    limit ${number(range.limit)}`
  return statement(
    'page-end',
    sql`select ${keyTexts(info)}, count(*) over () from (${page}) as ${sql.id(info.table.name)}
      order by ${orderBy(keyColumns(info), sql`desc`)} limit 1`,
  )
}

function fullPageEnd(info: TableInfo, range: PageRange): Statement {
  return statement(
    'page-end',
    sql`select ${keyTexts(info)} from ${keyed(info)} where ${inRange(info, range)}
      order by ${orderBy(keyColumns(info))} limit 1 offset ${number(range.limit - 1)}`,
  )
}

function anyMatch({ info, where }: TablePlan, range: KeyRange): Statement {
  const matching = where ? sql`${inRange(info, range)} and ${holds(where)}` : inRange(info, range)
  return statement('any-match', sql`select 1 from ${keyed(info)} where ${matching} limit 1`)
}

export const stepToPageEnd = endInSteps(fullPageEnd, pageEnd)
export const lookAtPage = lookInSteps(stepToPageEnd, anyMatch)
