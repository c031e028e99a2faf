import type { RecordSource } from './convert-options.js'

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
