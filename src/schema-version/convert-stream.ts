import { attempt } from './attempt.js'
import { type Conversion, leftOut } from './conversion.js'
import type { ConvertedStream, RecordSource, RetryOptions } from './convert-options.js'
import type { Converter } from './converter.js'
import { iterate } from './iterate.js'
import type { ConvertedChunk } from './parallel/chunk.js'
import { settle } from './parallel/settle.js'
import type { UntypedRow } from './steps.js'

/** A source's records as they are asked for. */
export class RecordStream implements ConvertedStream<unknown> {
  constructor(
    readonly conversion: Conversion,
    readonly source: RecordSource<UntypedRow>,
    readonly retry: RetryOptions | undefined,
    /** Where threads take part: the source as chunks that are converted. */
    readonly chunks?: ((source: RecordSource<UntypedRow>) => AsyncIterable<ConvertedChunk>) | undefined,
  ) {}

  get failures() {
    return this.conversion.failures
  }

  get report() {
    return this.conversion.report
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    if (this.chunks) {
      for await (const chunk of this.chunks(this.source)) yield* settle(this.conversion, chunk)
    } else {
      for await (const record of iterate(this.source)) {
        const result = await this.#convert(record)
        if (result !== leftOut) yield result
      }
    }
    this.conversion.end()
  }

  async #convert(record: UntypedRow): Promise<unknown> {
    const { conversion } = this
    let converter: Converter | undefined
    let result: unknown
    try {
      converter = conversion.converterOf(record)
    } catch (error) {
      return conversion.fail(record, converter, error)
    }
    conversion.before(record, converter)
    try {
      result = await attempt(() => conversion.attempt(record, converter!), this.retry)
    } catch (error) {
      return conversion.fail(record, converter, error)
    }
    conversion.after(result, converter)
    return result
  }
}
