import { setTimeout as sleep } from 'node:timers/promises'
import type { RetryOptions } from './convert-options.js'

const defaultDelayMs = 100

/** Converts a record, again where its step or an asynchronous validator threw; what is merely invalid is not tried again. */
export async function attempt(
  convert: () => unknown,
  { attempts, delayMs = defaultDelayMs }: RetryOptions = { attempts: 1 },
): Promise<unknown> {
  for (let made = 1; ; made++) {
    try {
      return await convert()
    } catch (error) {
      const isLast = made >= attempts
      if (isLast || (error as { code?: unknown }).code !== 'STEP_FAILED') throw error
      await sleep(delayMs * 2 ** (made - 1))
    }
  }
}
