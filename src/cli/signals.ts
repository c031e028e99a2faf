import { exitCodes } from './exit-codes.js'

/**
 * One press of Ctrl-C reaches a command twice when npm started it: from the terminal, and passed on by npm. What follows within
 * this time is the same press.
 */
const samePressMs = 300

/** What SIGINT and SIGTERM mean to a command that works on rows. */
export interface Interrupts {
  /** Aborted by the first signal: finish the batch in hand. */
  readonly stop: AbortSignal
  /** Aborted by the second: give the batch up. */
  readonly abort: AbortSignal
  /** Signals have their usual effect again. */
  dispose(): void
}

export interface InterruptOptions {
  readonly onStop: () => void
  readonly onAbort: () => void
  /** The third signal: leaves at once. What is not committed is rolled back by the database. */
  readonly exit?: (code: number) => void
  readonly now?: () => number
  readonly process?: Pick<NodeJS.Process, 'on' | 'off'>
}

/** Listens for SIGINT and SIGTERM until disposed. */
export function listenForInterrupts(options: InterruptOptions): Interrupts {
  const { exit = process.exit, now = () => performance.now(), process: source = process } = options
  const stop = new AbortController()
  const abort = new AbortController()
  let lastAt = Number.NEGATIVE_INFINITY
  const listener = () => {
    const at = now()
    if (at - lastAt < samePressMs) return
    lastAt = at
    if (!stop.signal.aborted) {
      stop.abort()
      options.onStop()
    } else if (!abort.signal.aborted) {
      abort.abort()
      options.onAbort()
    } else {
      exit(exitCodes.unfinished)
    }
  }
  source.on('SIGINT', listener)
  source.on('SIGTERM', listener)
  return {
    stop: stop.signal,
    abort: abort.signal,
    dispose() {
      source.off('SIGINT', listener)
      source.off('SIGTERM', listener)
    },
  }
}
