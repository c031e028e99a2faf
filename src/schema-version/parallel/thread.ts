import { workerData } from 'piscina'
import { loadModule } from '../../adapters/load-module.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Converter } from '../converter.js'
import type { UntypedRow } from '../steps.js'
import type { History } from '../version-history.js'
import { versionsIn } from '../versions-in.js'
import { convertRecords } from './chunk.js'
import { classTable } from './class-table.js'
import { type FailureData, failureData } from './failure-data.js'
import { type AnyConstructor, pack, Unmovable, unpack } from './movable.js'
import { enterThread } from './options.js'
import type { ThreadAnswer, ThreadChunk, ThreadTask } from './thread-task.js'

/* What runs in a thread of a conversion. */

interface Loaded {
  readonly history: History
  readonly classes: readonly AnyConstructor[]
}

const told = workerData as ThreadTask
let loaded: Promise<Loaded | { readonly refused: string }> | undefined

/** One chunk after the other, as one thread alone would: steps may keep something between records. */
export function convertChunk(chunk: ThreadChunk): Promise<ThreadAnswer> {
  const answer = last.then(() => convert(chunk))
  last = answer.catch(() => undefined)
  return answer
}

let last: Promise<unknown> = Promise.resolve()

async function convert({ records, from }: ThreadChunk): Promise<ThreadAnswer> {
  loaded ??= load()
  const ready = await loaded
  if ('refused' in ready) return ready
  const { history, classes } = ready
  const rows = unpack(records, classes) as UntypedRow[]
  const failures: [number, FailureData][] = []
  const started = performance.now()
  const values = await convertRecords(
    rows,
    (i) => converterFrom(history, typeof from === 'string' ? from : from[i]!),
    told.stamp,
    told.retry,
    (i, error) => {
      // What is no fault of the record ends the conversion.
      if (!(error instanceof RowshiftError)) throw error
      failures.push([i, failureData(error)])
    },
  )
  const ms = performance.now() - started
  try {
    return { results: pack(values, classes), failures, ms }
  } catch (error) {
    if (!(error instanceof Unmovable)) throw error
    const { index, path, what } = error
    return { unmovable: { index, path, what } }
  }
}

const converters = new Map<string, Converter>()

function converterFrom(history: History, from: string): Converter {
  const converter = converters.get(from) ?? history.converter(from, told.to, told.as, told.finish)
  converters.set(from, converter)
  return converter
}

async function load(): Promise<Loaded | { readonly refused: string }> {
  const { file, name, versions } = told
  enterThread()
  const found = versionsIn(await loadModule(file)).filter(({ history }) => history.name === name)
  if (found.length !== 1) return { refused: `${file} exports ${found.length === 0 ? 'none' : 'several'} of that name` }
  const { history } = found[0]!
  if (history.versions.join() !== versions.join()) {
    return { refused: `those that ${file} exports are others: ${history.versions.join(', ')}` }
  }
  return { history, classes: classTable(history.versions.map((version) => history.requireShape(version))) }
}
