/** What a record takes where it is converted without threads, in milliseconds. */
export interface Prospect {
  /** By the clock: to be read, converted, and whatever its reader does. */
  readonly all: number
  /** Of that, to be converted. */
  readonly converting: number
  /** Of processors: a second one may be at work already, on garbage. */
  readonly processors: number
  /** What its way to a thread and back would take, of the caller and of the thread each. */
  readonly way: number
}

/**
 * What a record can be expected to take with so many threads on so many processors: as long as the caller needs for what is left to it,
 * as the threads need, or as the processors need for both, whichever is longest.
 */
export function timeOf({ all, converting, processors, way }: Prospect, workers: number, most: number): number {
  if (workers === 0) return all
  return Math.max(all - converting + way, (converting + way) / workers, (processors + 2 * way) / most)
}
