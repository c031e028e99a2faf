import type { ErrorCode } from '../errors/codes.js'
import { asRowshiftError } from './describe-error.js'

/** What a command's exit code says. Scripts may rely on it. */
export const exitCodes = {
  /** What was asked for is done. */
  done: 0,
  /** It failed: rows could not be migrated, a check did not pass, the database refused. */
  failed: 1,
  /** The command line, the configuration or a definition is wrong; nothing was begun. */
  usage: 2,
  /** Not done yet: paused, postponed, interrupted, waiting, a gate still shut. The same command goes on later. */
  unfinished: 3,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Found before anything is read: to be mended on the command line or in the code. */
const usageErrors: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_USAGE',
  'INVALID_CONFIG',
  'INVALID_DEFINITION',
  'DUPLICATE_BACKFILL',
  'UNKNOWN_BACKFILL',
  'TENANTS_SHARE_STATE',
  'IN_PLACE_NEEDS_WHERE',
  'SCHEDULE_NEEDS_WHERE',
  'UNSUPPORTED_DATABASE',
  'UNSUPPORTED_CHANGE',
  'RENAME_UNCLEAR',
  'VERSION_BEHIND',
  'VERSION_MISSING',
  'SCHEMA_DRIFT',
])

/** The exit code of a command that threw. */
export function exitCodeOf(error: unknown): ExitCode {
  const known = asRowshiftError(error)
  if (known && usageErrors.has(known.code)) return exitCodes.usage
  if (known?.code === 'RUN_UNFINISHED' || known?.code === 'POSTPONED') return exitCodes.unfinished
  return exitCodes.failed
}
