import type { Conversion } from '../conversion.js'
import type { ConvertedChunk } from './chunk.js'

/** The results of a chunk, as the records are counted and told to the hooks one after the other. @throws what `onError` says */
export function* settle(conversion: Conversion, { chunk, results }: ConvertedChunk): Generator<unknown> {
  const { records, converters, failures } = chunk
  for (const [i, record] of records.entries()) {
    const converter = converters[i]
    if (converter) conversion.before(record, converter)
    if (failures.has(i)) conversion.fail(record, converter, failures.get(i))
    else {
      conversion.after(results[i], converter!)
      yield results[i]
    }
  }
}
