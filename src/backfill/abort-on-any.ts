import { setMaxListeners } from 'node:events'

/**
 * Aborted when one of these is. A transform is given it for every row of a page: that as many listen at once is no leak, which Node would
 * warn of beyond ten.
 */
export function abortOnAny(...signals: AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any(signals)
  setMaxListeners(0, signal)
  return signal
}
