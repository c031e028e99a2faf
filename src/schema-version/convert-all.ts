import { RowshiftError } from '../errors/rowshift-error.js'
import { type Conversion, leftOut } from './conversion.js'
import type { Converter } from './converter.js'
import type { ConvertedChunk } from './parallel/chunk.js'
import { settle } from './parallel/settle.js'
import type { UntypedRow } from './steps.js'

/** Every record of a source at once, in its order. */
export function convertAll(conversion: Conversion, source: Iterable<UntypedRow>): unknown {
  const records: unknown[] = []
  for (const record of source) {
    const result = convertSync(conversion, record)
    if (result !== leftOut) records.push(result)
  }
  return ended(conversion, records)
}

/** The same where threads take part. */
export async function convertAllInChunks(
  conversion: Conversion,
  chunks: AsyncIterable<ConvertedChunk>,
): Promise<unknown> {
  const records: unknown[] = []
  for await (const chunk of chunks) for (const result of settle(conversion, chunk)) records.push(result)
  return ended(conversion, records)
}

function ended(conversion: Conversion, records: readonly unknown[]): unknown {
  conversion.end()
  const { failures, report, options } = conversion
  return options.onError === 'collect' ? { records, failures, report } : records
}

/** @throws RowshiftError VALIDATION_UNAVAILABLE when the validator answers with a promise */
export function convertSync(conversion: Conversion, record: UntypedRow): unknown {
  let converter: Converter | undefined
  let result: unknown
  try {
    converter = conversion.converterOf(record)
  } catch (error) {
    return conversion.fail(record, converter, error)
  }
  conversion.before(record, converter)
  try {
    result = conversion.attempt(record, converter)
  } catch (error) {
    return conversion.fail(record, converter, error)
  }
  if (result instanceof Promise) throw asynchronous(converter, result)
  conversion.after(result, converter)
  return result
}

/** For a call that cannot wait. */
export function asynchronous({ name, to }: Converter, result: Promise<unknown>): RowshiftError {
  // Nobody will look at it.
  result.catch(() => undefined)
  return new RowshiftError('VALIDATION_UNAVAILABLE', {
    message: `versions "${name}": the validator of ${to} answers with a promise. Use \`convertStream\`, which waits for it, or \`as: 'instance'\` or 'plain'.`,
    details: { versions: name, to },
  })
}
