import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { heldAbove, type Throttle } from './throttle.js'

/** What the operating system sees, and what it kills processes by. */
const residentMiB = () => process.memoryUsage.rss() / 1024 / 1024

/** Node collects garbage when it needs room, so a process that waits would keep what it holds: it is made to. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

/** Waits while this process holds more memory than it may, garbage not counted. */
export function memoryCeiling(maxMiB: number, measure = residentMiB, collect = collectGarbage): Throttle {
  const name = 'memory'
  return {
    name,
    async look() {
      if (measure() <= maxMiB) return undefined
      collect()
      return heldAbove(name, { value: measure() }, maxMiB, (value) => `${Math.round(value)} MiB`)
    },
  }
}
