import type { Key, KeyRange, PageLook, PageRange, TablePlan } from '../dialect.js'
import { endInSteps } from '../page-end.js'
import type { Script } from '../script.js'
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

function fullPageEnd(info: TableInfo, range: PageRange): Statement {
  return render(
    sql`select ${keyTexts(info, sql`t`)} from ${tableSql(info.table)} as t where ${inRange(info, range)}
      order by ${orderBy(info, sql`t`)} limit 1 offset ${sql.raw(String(range.limit - 1))}`,
    spelling,
    'page-end',
  )
}

export const stepToPageEnd = endInSteps(fullPageEnd, pageEnd)

/**
 * select count(*), max(p.rs_m), cast((array_agg(p.rs_k0))[count(*)] as text)
 * from (select "id" as rs_k0, case when ("slug" is null) then 1 else 0 end as rs_m from "city"
 *       where ("id") > (cast($1 as bigint)) and ("id") <= (cast($2 as bigint)) order by "id" limit 10000) as p
 *
 * One pass, because after the first one the index has an entry for each version of a row, and every visit reads the row. The key is
 * the last that came in, which is the largest: not every type of keys has a max().
 */
export function* lookAtPage({ info, where }: TablePlan, range: PageRange): Script<PageLook | undefined> {
  const keys = info.key.map((_, i) => sql.id(`rs_k${i}`))
  const columns = info.key.map((column, i) => sql`${sql.id(column.name)} as ${keys[i]}`)
  const last = keys.map((key) => sql`cast((array_agg(p.${key}))[count(*)] as text)`)
  const matches = where ? sql`case when (${where}) then 1 else 0 end` : sql`1`
  const { rows } = yield render(
    sql`select count(*), max(p.rs_m), ${sql.join(last)}
      from (select ${sql.join(columns)}, ${matches} as rs_m from ${tableSql(info.table)} where ${inRange(info, range)}
        order by ${keyColumns(info)} limit ${sql.raw(String(range.limit))}) as p`,
    spelling,
    'look-at-page',
  )
  const [count, match, ...found] = rows[0]!
  return Number(count) === 0
    ? undefined
    : { last: found.map(String), count: Number(count), hasMatch: Number(match) === 1 }
}
