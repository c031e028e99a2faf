import { setTimeout as sleep } from 'node:timers/promises'
import { RowshiftError } from '../errors/rowshift-error.js'

/**
 * A connection of a pool, or an error when it does not come in time: then what comes out of the pool later goes straight back.
 * @param setting what raises the pool's size, as the ORM's users know it
 * @throws RowshiftError CONNECTION_UNAVAILABLE
 */
export async function withinTime<C>(
  opening: Promise<C>,
  timeoutMs: number,
  setting: string,
  giveBack: (late: C) => unknown,
): Promise<C> {
  const timer = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(
    () => true,
    () => true,
  )
  const isLate = await Promise.race([opening.then(() => false), late]).finally(() => timer.abort())
  if (!isLate) return opening
  opening.then(giveBack, () => undefined)
  throw new RowshiftError('CONNECTION_UNAVAILABLE', {
    message: `the pool gave no further connection within ${timeoutMs} ms. Raise its size (\`${setting}\`), or close what holds its connections.`,
    retryable: true,
  })
}
