import type { ErrorCode } from '../../errors/codes.js'
import { type ErrorDetails, RowshiftError } from '../../errors/rowshift-error.js'

/** A RowshiftError on its way between threads: structured clone would make a plain Error of it. */
export interface FailureData {
  readonly code: ErrorCode
  readonly message: string
  readonly details: ErrorDetails
  readonly cause: { readonly name: string; readonly message: string; readonly stack: string | undefined } | undefined
}

export function failureData({ code, message, details, cause }: RowshiftError): FailureData {
  return {
    code,
    message: message.slice(code.length + 2),
    details,
    cause: cause === undefined ? undefined : said(cause),
  }
}

function said(cause: unknown): NonNullable<FailureData['cause']> {
  if (!(cause instanceof Error)) return { name: 'Error', message: String(cause), stack: undefined }
  const { name, message, stack } = cause
  return { name, message, stack }
}

/** The same error on this side; its cause is told by name, message and stack. */
export function failureOf({ code, message, details, cause }: FailureData): RowshiftError {
  return new RowshiftError(code, { message, details, cause: cause && causeOf(cause) })
}

function causeOf({ name, message, stack }: NonNullable<FailureData['cause']>): Error {
  const error = new Error(message)
  Object.defineProperty(error, 'name', { value: name, configurable: true })
  if (stack !== undefined) error.stack = stack
  return error
}
