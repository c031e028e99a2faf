import { availableParallelism } from 'node:os'
import type { StampedVersion } from '../schema-version/convert-options.js'
import type { Versions } from '../schema-version/define-versions.js'
import type { UntypedRow } from '../schema-version/steps.js'

/** How fast a file's records are converted one way. */
export interface ConversionMeasure {
  /** 0: without threads. */
  readonly workers: number
  /** Records that a thread takes at a time; null without threads, where records are taken one by one. */
  readonly chunk: number | null
  readonly recordsPerSecond: number
  /** What goes by before it is as fast: threads start, code is compiled. */
  readonly startSeconds: number
}

/** What all ways compared say. */
export interface ConversionAdvice {
  readonly records: number
  readonly failed: number
  readonly measures: readonly ConversionMeasure[]
  readonly recommended: ConversionMeasure
  /** From how many records on the start of its threads is earned back; 0 without threads. */
  readonly worthFrom: number
}

const chunks = [100, 1000, 10_000]
/** Threads have to be faster by this before they are recommended. */
const worthwhile = 1.1

/** 2, 4 and so on, up to the number of cores. */
function workerCounts(): readonly number[] {
  const counts: number[] = []
  const most = availableParallelism()
  for (let workers = 2; workers < most; workers *= 2) counts.push(workers)
  return [...counts, most]
}

/**
 * Converts a sample in every way and throws the results away: once until all is as fast as it gets, once to be measured. What follows
 * keeps threads busy until then.
 */
export async function measureConversion(
  versions: Versions<Record<string, never>, string>,
  sample: readonly UntypedRow[],
  options: { readonly from: string | StampedVersion<string>; readonly to: string },
  module: string,
): Promise<ConversionAdvice> {
  const { failed, ...alone } = await measure(0, null)
  const measures: ConversionMeasure[] = [alone]
  for (const workers of workerCounts()) {
    const fitting = chunks.filter((chunk, i) => i === 0 || chunk * 2 * workers <= sample.length)
    for (const chunk of fitting) {
      const { failed: _, ...one } = await measure(workers, chunk)
      measures.push(one)
    }
  }
  return { records: sample.length, failed, measures, ...advise(measures) }

  async function measure(workers: number, chunk: number | null): Promise<ConversionMeasure & { failed: number }> {
    const begun = performance.now()
    const times: { readonly ms: number; readonly failed: number }[] = []
    const stream = versions.convertStream([...sample, ...sample, ...sample] as never[], {
      ...options,
      onError: 'skip',
      hooks: {
        progress: ({ failed: count }) => times.push({ ms: performance.now(), failed: count }),
        progressEvery: sample.length,
      },
      parallel: chunk === null ? undefined : { module, workers, chunk },
    })
    for await (const _ of stream) if (times.length >= 2) break
    const [warm, done] = times as [(typeof times)[0], (typeof times)[0]]
    // A clock may stand still for what is small.
    const seconds = Math.max(done.ms - warm.ms, 0.001) / 1000
    return {
      workers,
      chunk,
      recordsPerSecond: Math.round(sample.length / seconds),
      startSeconds: Math.max(0, (warm.ms - begun) / 1000 - seconds),
      failed: warm.failed,
    }
  }
}

/** What the measures say: the first is the one without threads. */
export function advise(measures: readonly ConversionMeasure[]): Pick<ConversionAdvice, 'recommended' | 'worthFrom'> {
  const alone = measures[0]!
  const fastest = measures.reduce((best, one) => (one.recordsPerSecond > best.recordsPerSecond ? one : best))
  if (fastest.recordsPerSecond <= alone.recordsPerSecond * worthwhile) return { recommended: alone, worthFrom: 0 }
  const saved = 1 / alone.recordsPerSecond - 1 / fastest.recordsPerSecond
  const lost = Math.max(0, fastest.startSeconds - alone.startSeconds)
  return { recommended: fastest, worthFrom: Math.ceil(lost / saved) }
}
