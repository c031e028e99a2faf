import { relative } from 'node:path'
import { RowshiftError } from '../../errors/rowshift-error.js'

/**
 * What is kept of an error that a user's function has thrown for a row: its name, and where it was thrown. Not its message, which
 * may quote the row.
 */
export function describeThrown(error: unknown): string {
  if (error instanceof RowshiftError) return error.message
  if (!(error instanceof Error)) return `threw a ${typeof error}`
  // A name is chosen by code as well, and could be anything.
  const name = /^[\w$.]{1,60}$/.test(error.name) ? error.name : 'Error'
  const at = placeOf(error)
  return at === undefined ? name : `${name} at ${at}`
}

/** `slugify (backfills/city-slug.ts:12:9)`: the innermost call, without the message that comes before it. */
function placeOf({ stack, message }: Error): string | undefined {
  if (typeof stack !== 'string') return undefined
  const end = message === '' ? 0 : stack.indexOf(message)
  if (end < 0) return undefined
  const frames = stack
    .slice(end + message.length)
    .matchAll(/\n\s+at (?:(?:async )?([\w$.<> ]+) \()?(.+?):(\d+):(\d+)\)?(?=\n|$)/g)
  for (const [, caller, file = '', line, column] of frames) {
    if (file.startsWith('node:')) continue
    const path = relative(process.cwd(), file.replace(/^file:\/\//, ''))
    return `${caller ? `${caller} ` : ''}(${path}:${line}:${column})`
  }
  return undefined
}
