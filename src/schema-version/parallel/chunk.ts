import { attempt } from '../attempt.js'
import type { Conversion } from '../conversion.js'
import type { RecordSource, RetryOptions } from '../convert-options.js'
import type { Converter } from '../converter.js'
import { iterate } from '../iterate.js'
import type { UntypedRow } from '../steps.js'

/** Records in their order, and the converter of each; none for one whose version cannot be told. */
export interface Chunk {
  /** The index of its first record in the source. */
  readonly first: number
  readonly records: readonly UntypedRow[]
  readonly converters: readonly (Converter | undefined)[]
  /** What was wrong with some of them, by their position. */
  readonly failures: Map<number, unknown>
}

/** A chunk and what became of it: for each record a result, or its failure. */
export interface ConvertedChunk {
  readonly chunk: Chunk
  readonly results: readonly unknown[]
  /** How long converting it took, wherever that was. */
  readonly ms: number
}

/** The results of records by their converters, one after the other. Failures go where they are told. */
export async function convertRecords(
  records: readonly UntypedRow[],
  converterAt: (position: number) => Converter | undefined,
  stamp: string | undefined,
  retry: RetryOptions | undefined,
  fail: (position: number, error: unknown) => void,
): Promise<unknown[]> {
  const results = new Array<unknown>(records.length).fill(undefined)
  for (const [i, record] of records.entries()) {
    const converter = converterAt(i)
    if (!converter) continue
    const convert = () => converter.convert(record, stamp)
    try {
      const result = retry ? await attempt(convert, retry) : convert()
      results[i] = result instanceof Promise ? await result : result
    } catch (error) {
      fail(i, error)
    }
  }
  return results
}

/** A source in chunks. Its error comes after the records before it. */
export class ChunkReader {
  isDone = false
  #first = 0
  #error: { readonly cause: unknown } | undefined
  readonly #records: Iterator<UntypedRow> | AsyncIterator<UntypedRow>

  constructor(
    readonly conversion: Conversion,
    source: RecordSource<UntypedRow>,
  ) {
    const records = iterate(source)
    this.#records = Symbol.asyncIterator in records ? records[Symbol.asyncIterator]() : records[Symbol.iterator]()
  }

  async read(size: number): Promise<Chunk> {
    const records: UntypedRow[] = []
    const converters: (Converter | undefined)[] = []
    const failures = new Map<number, unknown>()
    while (records.length < size) {
      const record = await this.#next()
      if (record === undefined) break
      let converter: Converter | undefined
      try {
        converter = this.conversion.converterOf(record.value)
      } catch (error) {
        failures.set(records.length, error)
      }
      records.push(record.value)
      converters.push(converter)
    }
    const first = this.#first
    this.#first += records.length
    return { first, records, converters, failures }
  }

  async #next(): Promise<{ readonly value: UntypedRow } | undefined> {
    try {
      const answer = this.#records.next()
      const { done, value } = answer instanceof Promise ? await answer : (answer as IteratorResult<UntypedRow>)
      if (!done) return { value }
    } catch (cause) {
      this.#error = { cause }
    }
    this.isDone = true
    return undefined
  }

  /** @throws what the source threw */
  end(): void {
    if (this.#error) throw this.#error.cause
  }

  /** Closes a source that was left early. */
  async close(): Promise<void> {
    if (!this.isDone) await this.#records.return?.()
    this.isDone = true
  }
}
