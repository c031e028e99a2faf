import { setTimeout as sleep } from 'node:timers/promises'
import type { ShardContext } from './shard-context.js'

/** Rests after a batch for as long as the run is told to, or until it is to stop. */
export async function rest({ pace, stop }: Pick<ShardContext, 'pace' | 'stop'>): Promise<void> {
  const { delayMs } = pace.settings
  if (delayMs > 0) await sleep(delayMs, undefined, { signal: stop }).catch(() => undefined)
}
