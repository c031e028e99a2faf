import { createHash } from 'node:crypto'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { Script } from './script.js'
import { type Sql, sql } from './sql.js'
import type { StateNames } from './state-statements.js'
import { type ColumnInfo, type TableInfo, type TableName, tableText } from './table.js'

/** What triggers are to note: the keys of rows that are inserted, or whose key or `watched` columns change. */
export interface Followed {
  readonly names: StateNames
  /** The name of the backfill that follows. */
  readonly backfill: string
  readonly info: TableInfo
  readonly watched: readonly ColumnInfo[]
}

/**
 * Statements on the triggers of `follow: true`. They compare tokens, not values, and fire whoever writes and however: our own
 * writes change no watched column, so they note nothing.
 */
export interface FollowStatements {
  /**
   * Makes the triggers, where they do not stand already. Waits for the writers of the table, and keeps new ones waiting meanwhile,
   * for as long as `lockTimeoutMs`.
   * @throws RowshiftError FOLLOW_UNSUPPORTED, FOLLOW_NOT_PERMITTED
   */
  install(followed: Followed, lockTimeoutMs: number): Script<void>
  /** Whether they are there as installed, and fire. */
  stand(followed: Followed): Script<boolean>
  /** Whether the transaction of this connection keeps others out of the table, so that another of ours would wait for it. */
  isLockedHere(table: TableName): Script<boolean>
  /** Removes all triggers of a backfill, whatever columns they watch. Nothing happens where there are none. */
  remove(names: StateNames, backfill: string): Script<void>
}

const shortHash = (...parts: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)

/** What tells a backfill in its notes and in the names of its triggers: 16 hex digits. */
export const followerId = ({ schema, prefix }: StateNames, backfill: string): string =>
  shortHash(schema, prefix, backfill)

/** How the names of all triggers of a backfill begin. */
export const triggerPrefix = (names: StateNames, backfill: string): string => `rowshift_${followerId(names, backfill)}_`

/** Named after what they watch, so that a trigger of this name is the one that is wanted. */
export function triggerName({ names, backfill, info, watched }: Followed, event: 'insert' | 'update'): string {
  const describe = ({ name, type }: ColumnInfo) => [name, type]
  const content = shortHash(tableText(info.table), info.key.map(describe), watched.map(describe))
  return `${triggerPrefix(names, backfill)}${content}_${event}`
}

/** For DDL, which binds no values: an id of hex digits between quotes. */
export const followerLiteral = ({ names, backfill }: Followed): Sql => sql.raw(`'${followerId(names, backfill)}'`)

export function notPermitted({ info, backfill }: Followed, remedy: string, cause?: unknown): RowshiftError {
  return new RowshiftError('FOLLOW_NOT_PERMITTED', {
    message: `this user may not make the trigger on "${tableText(info.table)}" that \`follow\` of "${backfill}" needs. ${remedy}`,
    details: { backfill, table: tableText(info.table) },
    cause,
  })
}

export function unsupported({ info, backfill }: Followed, why: string): RowshiftError {
  return new RowshiftError('FOLLOW_UNSUPPORTED', {
    message: `\`follow\` of "${backfill}" cannot note every change of "${tableText(info.table)}": ${why}`,
    details: { backfill, table: tableText(info.table) },
  })
}
