import { type Throttle, unmeasured } from './throttle.js'

/** What the machine, or the container that this process runs in, has left for it. */
const availableMiB = () => process.availableMemory() / 1024 / 1024

/**
 * Waits while little memory is left. A worker's own need is bounded by the width of its pages; what it waits for is that others give some
 * back.
 */
export function freeMemory(minMiB: number, measure = availableMiB): Throttle {
  const name = 'free memory'
  return {
    name,
    async look() {
      const left = measure()
      // NaN is below no limit.
      if (!(left >= 0)) return { reason: unmeasured(name, `${left} is no number`) }
      return left < minMiB ? { reason: `${name} ${Math.floor(left)} MiB < ${minMiB} MiB` } : undefined
    },
  }
}
