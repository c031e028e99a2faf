import type { ErrorCode } from './codes.js'

/** What an error says besides its message: keys, names and counts, never the contents of a row. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface RowshiftErrorOptions {
  /** What went wrong, and what to do next. */
  readonly message: string
  readonly details?: ErrorDetails
  readonly cause?: unknown
  /** True when the same call may succeed later without any change. Default false. */
  readonly retryable?: boolean
}

/**
 * The one error class of rowshift. `code` is stable and listed in docs/errors.md; the message says what to do next.
 * `details` and the message carry keys and names, never row contents.
 */
export class RowshiftError extends Error {
  override readonly name = 'RowshiftError'
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly retryable: boolean

  constructor(code: ErrorCode, options: RowshiftErrorOptions) {
    super(`${code}: ${options.message}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
    this.retryable = options.retryable ?? false
  }

  /** What `--json` prints. */
  toJSON(): { code: ErrorCode; message: string; details: ErrorDetails } {
    return { code: this.code, message: this.message, details: this.details }
  }
}
