import type { ErrorCode } from '../errors/codes.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** What `--json` prints under `error`: as `RowshiftError.toJSON`, for whatever was thrown. */
export interface ErrorDocument {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/**
 * The error as one of ours, also when it comes from another copy of the package: a config file may import the one that is
 * installed beside it.
 */
export function asRowshiftError(error: unknown): RowshiftError | undefined {
  if (error instanceof RowshiftError) return error
  const candidate = error as Partial<RowshiftError> | null | undefined
  const isOurs = candidate?.name === 'RowshiftError' && typeof candidate.code === 'string'
  return isOurs ? (candidate as RowshiftError) : undefined
}

/** A foreign error's message. Node wraps refused connections in an error that has none of its own. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message) return error.message
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0])
  return (error as { code?: string }).code ?? error.name
}

/** A message of ours without the code it begins with. */
export function withoutCode(code: string | undefined, message: string): string {
  return code !== undefined && message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message
}

/** What is told about an error, whatever was thrown. */
export function describeError(error: unknown): ErrorDocument {
  const known = asRowshiftError(error)
  if (!known) return { code: 'UNEXPECTED_ERROR', message: messageOf(error), details: {} }
  return { code: known.code, message: known.message, details: known.details ?? {} }
}
