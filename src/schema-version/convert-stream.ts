import { setTimeout as sleep } from 'node:timers/promises'
import { type Conversion, leftOut } from './conversion.js'
import type { ConvertedStream, RecordSource, RetryOptions } from './convert-options.js'
import type { Converter } from './converter.js'
import type { UntypedRow } from './steps.js'

const defaultDelayMs = 100

/** A source's records as they are asked for. */
export class RecordStream implements ConvertedStream<unknown> {
  constructor(
    readonly conversion: Conversion,
    readonly source: RecordSource<UntypedRow>,
    readonly retry: RetryOptions = { attempts: 1 },
  ) {}

  get failures() {
    return this.conversion.failures
  }

  get report() {
    return this.conversion.report
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown> {
    for await (const record of iterate(this.source)) {
      const result = await this.#convert(record)
      if (result !== leftOut) yield result
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
      result = await this.#attempt(record, converter)
    } catch (error) {
      return conversion.fail(record, converter, error)
    }
    conversion.after(result, converter)
    return result
  }

  async #attempt(record: UntypedRow, converter: Converter): Promise<unknown> {
    const { attempts, delayMs = defaultDelayMs } = this.retry
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.conversion.attempt(record, converter)
      } catch (error) {
        const isLast = attempt >= attempts
        if (isLast || (error as { code?: unknown }).code !== 'STEP_FAILED') throw error
        await sleep(delayMs * 2 ** (attempt - 1))
      }
    }
  }
}

/** One record after the other; a source that is left early is closed. */
export function iterate<R>(source: RecordSource<R>): Iterable<R> | AsyncIterable<R> {
  if (Symbol.asyncIterator in source || Symbol.iterator in source) return source
  return readWeb(source)
}

async function* readWeb<R>(source: Exclude<RecordSource<R>, Iterable<R> | AsyncIterable<R>>): AsyncGenerator<R> {
  const reader = source.getReader()
  let isDone = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isDone = done
      if (done) return
      yield value as R
    }
  } finally {
    if (!isDone) await reader.cancel()
    reader.releaseLock()
  }
}
