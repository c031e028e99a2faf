import type { Key, KeyRange, PageRange, TablePlan } from '../dialect.js'
import { render, type Statement, sql } from '../sql.js'
import type { TableInfo } from '../table.js'
import { bound, inRange, keyColumns, keyTexts, orderBy, tableSql } from './rows.js'
import { spelling } from './spelling.js'

/* What is asked of a range of keys as such: where it ends, and whether a row in it matches. No row leaves the database. */

export function lastKey(info: TableInfo): Statement {
  const table = tableSql(info.table)
  return render(
    sql`select ${keyTexts(info, sql`t`)} from ${table} as t order by ${orderBy(info, sql`t`, sql`desc`)} limit 1`,
    spelling,
    'last-key',
  )
}

export function keyAtMost(info: TableInfo, range: KeyRange, atMost: Key): Statement {
  const bounds = sql`${inRange(info, range)} and (${keyColumns(info)}) <= (${bound(info, atMost)})`
  return render(
    sql`select ${keyTexts(info, sql`t`)} from ${tableSql(info.table)} as t where ${bounds}
      order by ${orderBy(info, sql`t`, sql`desc`)} limit 1`,
    spelling,
    'probe-key',
  )
}

export function pageEnd(info: TableInfo, range: PageRange): Statement {
  const inner = sql`select ${keyColumns(info)} from ${tableSql(info.table)} where ${inRange(info, range)}
    order by ${keyColumns(info)} limit ${sql.raw(String(range.limit))}`
  return render(
    sql`select ${keyTexts(info, sql`p`)}, count(*) over () from (${inner}) as p
      order by ${orderBy(info, sql`p`, sql`desc`)} limit 1`,
    spelling,
    'page-end',
  )
}

export function fullPageEnd(info: TableInfo, range: PageRange): Statement {
  return render(
    sql`select ${keyTexts(info, sql`t`)} from ${tableSql(info.table)} as t where ${inRange(info, range)}
      order by ${orderBy(info, sql`t`)} limit 1 offset ${sql.raw(String(range.limit - 1))}`,
    spelling,
    'page-end',
  )
}

export function anyMatch({ info, where }: TablePlan, range: KeyRange): Statement {
  const matching = where ? sql`${inRange(info, range)} and (${where})` : inRange(info, range)
  return render(sql`select 1 from ${tableSql(info.table)} where ${matching} limit 1`, spelling, 'any-match')
}
