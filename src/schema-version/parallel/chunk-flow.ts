import type { Conversion } from '../conversion.js'
import type { RecordSource } from '../convert-options.js'
import type { UntypedRow } from '../steps.js'
import { type Chunk, ChunkReader, type ConvertedChunk, convertRecords } from './chunk.js'
import { failureOf } from './failure-data.js'
import { type AnyConstructor, type Packed, pack, Unmovable, unpack } from './movable.js'
import { type ParallelPlan, unavailable } from './options.js'
import { Staff, type Threads } from './staff.js'
import type { ThreadTask } from './thread-task.js'

/** What a chunk takes to be converted: long beside the way to a thread and back, short enough to be waited for. */
const chunkMs = 20
const [smallestChunk, largestChunk] = [16, 10_000]
/** How many of a chunk's records are tried on their way to a thread while that is asked: next to nothing beside being converted. */
const triedShare = 0.05

/** One conversion that may use threads: reads a source in chunks, and gives them converted and in their order. */
export class ChunkFlow {
  readonly #staff: Staff
  #size: number
  #isChecked = false

  constructor(
    readonly conversion: Conversion,
    readonly plan: ParallelPlan,
    readonly task: ThreadTask,
    /** The classes of the versions: instances of them can be moved. */
    readonly classes: readonly AnyConstructor[],
  ) {
    this.#size = plan.chunk ?? smallestChunk
    this.#staff = new Staff(plan.workers, task)
  }

  /** @throws RowshiftError PARALLEL_UNAVAILABLE; what the source throws, after the records before it */
  async *chunks(source: RecordSource<UntypedRow>): AsyncGenerator<ConvertedChunk> {
    const reader = new ChunkReader(this.conversion, source)
    const staff = this.#staff
    const underWay: Promise<ConvertedChunk>[] = []
    try {
      await staff.start(countOf(source))
      for (;;) {
        while (!reader.isDone && underWay.length < (staff.crew?.ahead ?? 1)) {
          const chunk = await reader.read(this.#size)
          if (chunk.records.length > 0) underWay.push(this.#begin(chunk))
        }
        const first = underWay.shift()
        if (!first) break
        const started = performance.now()
        const converted = await first
        staff.spent(performance.now() - started)
        this.#fit(converted)
        if (staff.isWayAsked) this.#tryWay(converted)
        yield converted
        await staff.done(converted.chunk.records.length, converted.ms).catch(this.#threadEnded)
      }
      reader.end()
    } finally {
      await Promise.all([staff.end(), reader.close()])
    }
  }

  #begin(chunk: Chunk): Promise<ConvertedChunk> {
    const { crew } = this.#staff
    const started = performance.now()
    const converted = crew ? this.#inThread(chunk, crew) : this.#here(chunk)
    this.#staff.spent(performance.now() - started)
    // It is awaited in its turn, unless an earlier one fails.
    converted.catch(() => undefined)
    return converted
  }

  async #here(chunk: Chunk): Promise<ConvertedChunk> {
    const { records, converters, failures } = chunk
    const { stamp, retry } = this.task
    // Whether records can be moved must not be left to what is measured.
    const isFirst = !this.#isChecked
    this.#isChecked = true
    if (isFirst) this.#travel(records, chunk.first, 'to')
    const started = performance.now()
    const fail = (i: number, error: unknown) => failures.set(i, error)
    const results = await convertRecords(records, (i) => converters[i], stamp, retry, fail)
    const ms = performance.now() - started
    if (isFirst) this.#travel(results, chunk.first, 'from')
    return { chunk, results, ms }
  }

  async #inThread(chunk: Chunk, crew: Threads): Promise<ConvertedChunk> {
    const { records, converters, failures, first } = chunk
    // Without a converter there is nothing to do.
    const sent = [...records.keys()].filter((i) => converters[i])
    const rows = this.#pack(
      sent.map((i) => records[i]),
      (i) => first + sent[i]!,
      'to',
    )
    const from = this.task.stamp === undefined ? converters[0]!.from : sent.map((i) => converters[i]!.from)
    const answer = await crew.convert({ records: rows, from }).catch(this.#threadEnded)
    if ('refused' in answer) throw this.#unavailable(answer.refused)
    if ('unmovable' in answer) throw this.#unmovable(answer.unmovable, first + sent[answer.unmovable.index]!, 'from')
    const results = new Array<unknown>(records.length).fill(undefined)
    for (const [i, result] of unpack(answer.results, this.classes).entries()) results[sent[i]!] = result
    for (const [i, failure] of answer.failures) failures.set(sent[i]!, failureOf(failure))
    return { chunk, results, ms: answer.ms }
  }

  /** What a few records take there and back. */
  #tryWay({ chunk: { first, records }, results }: ConvertedChunk): void {
    const count = Math.ceil(records.length * triedShare)
    const started = performance.now()
    this.#travel(records.slice(0, count), first, 'to')
    this.#travel(results.slice(0, count), first, 'from')
    this.#staff.triedWay(count, performance.now() - started)
  }

  /** Takes values along the way that they would go, without a thread. */
  #travel(values: readonly unknown[], first: number, way: Way): void {
    const packed = this.#pack(values, (i) => first + i, way)
    let cloned: Packed
    try {
      cloned = structuredClone(packed)
    } catch (error) {
      throw this.#unavailable(`records from ${first} on cannot be moved ${way} a thread`, error)
    }
    unpack(cloned, this.classes)
  }

  #fit({ chunk, ms }: ConvertedChunk): void {
    if (this.plan.chunk !== undefined) return
    const fitting = ms > 0 ? Math.round((chunk.records.length * chunkMs) / ms) : largestChunk
    this.#size = Math.max(smallestChunk, Math.min(largestChunk, fitting, this.#size * 2))
  }

  #pack(values: readonly unknown[], indexOf: (position: number) => number, way: Way): Packed {
    try {
      return pack(values, this.classes)
    } catch (error) {
      throw error instanceof Unmovable ? this.#unmovable(error, indexOf(error.index), way) : error
    }
  }

  #unmovable({ path, what }: Pick<Unmovable, 'path' | 'what'>, index: number, way: Way) {
    const place = path === '' ? `record ${index} is` : `record ${index} has, in "${path}",`
    const remedy = way === 'to' ? 'Give its fields alone' : "Ask for `as: 'plain'`, or name its class with @Type"
    return this.#unavailable(`${place} ${what}, which cannot be moved ${way} a thread. ${remedy}`)
  }

  readonly #threadEnded = (error: unknown): never => {
    throw this.#unavailable(`a thread ended: ${error instanceof Error ? error.message : String(error)}`, error)
  }

  #unavailable(why: string, cause?: unknown) {
    return unavailable(this.task.name, why, cause)
  }
}

type Way = 'to' | 'from'

/** How many records there are, where a source can tell. */
const countOf = (source: RecordSource<UntypedRow>): number | undefined =>
  Array.isArray(source) ? source.length : source instanceof Set ? source.size : undefined
