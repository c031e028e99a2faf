import type { MigrationTexts, ScriptedBackfill } from '../migration-texts.js'
import { renderText, type Sql, sql } from '../sql.js'
import type { StateNames } from '../state-statements.js'
import type { TableName } from '../table.js'
import { type StateSpelling, stateTables } from './spelling.js'
import { insertOwnVersion } from './tables.js'

/** What stands before a contract: both conditions must hold, or the statements fail. */
export interface GateConditions {
  readonly name: string
  readonly table: Sql
  readonly isCompleted: Sql
  readonly isClear: Sql
}

export interface TextSpelling extends StateSpelling {
  literal(text: string): string
  gate(conditions: GateConditions): readonly Sql[]
}

/** A run of a table without rows is verified without looking. */
const nothingVerified = JSON.stringify({
  isPassed: true,
  remaining: 0,
  checked: 0,
  refused: [],
  shared: [],
  recomputed: null,
  assertions: [],
})

/** What migrations of plain SQL say to the state tables, spelled by one dialect. */
export function sharedTexts(spelling: TextSpelling): MigrationTexts {
  const text = (pieces: readonly Sql[]): string =>
    pieces.map((piece) => `${renderText(piece, spelling).trim()};\n`).join('\n')

  /** A run for a table with rows, and one that has nothing to do for a table without. */
  const insertRun = (names: StateNames, { name, table }: ScriptedBackfill, isForRows: boolean): string => {
    const { run } = stateTables(names)
    const forRows = (value: Sql, other: Sql) =>
      isForRows ? sql`case when found.has_rows = 1 then ${value} else ${other} end` : other
    return text([
      sql`insert into ${run} (name, active_name, status, table_name, definition_hash, table_hash, estimated_rows, pass,
    verification, created_at, finished_at)
  select ${name}, ${forRows(sql`${name}`, sql`null`)}, ${forRows(sql`'scheduled'`, sql`'completed'`)}, ${tableOf(table)}, '', '', 0, 0,
    ${forRows(sql`null`, sql`${nothingVerified}`)}, ${spelling.now}, ${forRows(sql`null`, spelling.now)}
  from (select case when exists (select 1 from ${tableId(table)}) then 1 else 0 end as has_rows) as found
  where found.has_rows ${sql.raw(isForRows ? '>= 0' : '= 0')}
  ${spelling.keepOnConflict(sql`active_name`)}`,
    ])
  }

  return {
    createState: (names) =>
      text([...spelling.createTables(stateTables(names)), insertOwnVersion(spelling, stateTables(names))]),
    schedule: (names, backfill) => insertRun(names, backfill, true),
    completeIfEmpty: (names, backfill) => insertRun(names, backfill, false),
    gate(names, { name, table, matching }) {
      const { run, checkpoint, failure } = stateTables(names)
      const latest = sql`(select max(id) from ${run} where name = ${name})`
      return text(
        spelling.gate({
          name,
          table: tableId(table),
          isCompleted: sql`(exists (select 1 from ${run} where id = ${latest} and status = 'completed'
    and coalesce(follow, 'over') = 'over')
    and not exists (select 1 from ${failure} where run_id = ${latest} and state = 'failed'))`,
          isClear: sql`(select count(*) from ${tableId(table)} where ${matching})
    <= (select coalesce(sum(pass_left), 0) from ${checkpoint} where run_id = ${latest})`,
        }),
      )
    },
    recordVersion(names, table, version, migration) {
      const { schemaVersion } = stateTables(names)
      return text([
        sql`delete from ${schemaVersion} where table_name = ${table}`,
        sql`insert into ${schemaVersion} (table_name, version, fingerprint, table_columns, migration, recorded_at)
  values (${table}, ${version}, '', '[]', ${migration}, ${spelling.now})`,
      ])
    },
    renameColumn: (table, from, to) =>
      text([sql`ALTER TABLE ${tableId(table)} RENAME COLUMN ${sql.id(from)} TO ${sql.id(to)}`]),
  }
}

const tableId = ({ schema, name }: TableName): Sql => (schema === undefined ? sql.id(name) : sql.id(schema, name))

const tableOf = ({ schema, name }: TableName): string => (schema === undefined ? name : `${schema}.${name}`)

/**
 * A gate for databases where a plain statement cannot fail with a message of its own: a check that has the message for its name.
 * @param drop of a temporary table, if it is there
 */
export function gateByCheck(drop: Sql, { name, isCompleted, isClear }: GateConditions): readonly Sql[] {
  const gate = sql.id('rowshift_gate')
  // Names may have 64 characters where they are shortest.
  const check = (message: string, column: Sql) =>
    sql`constraint ${sql.id([...message].slice(0, 64).join(''))} check (${column} = 1)`
  return [
    drop,
    sql`create temporary table ${gate} (is_completed integer not null, is_clear integer not null,
  ${check(`run of ${name} is not done: rowshift status`, sql`is_completed`)},
  ${check(`rows match ${name} again: rowshift run`, sql`is_clear`)})`,
    sql`insert into ${gate} (is_completed, is_clear)
  select case when ${isCompleted} then 1 else 0 end,
    case when ${isClear} then 1 else 0 end`,
    drop,
  ]
}
