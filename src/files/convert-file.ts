import type { ConvertReport, ConvertStreamOptions, OnError, RecordFailure } from '../schema-version/convert-options.js'
import type { Versions } from '../schema-version/define-versions.js'
import type { ResultKind } from '../schema-version/finish.js'
import { isClass, isSchema } from '../schema-version/shape.js'
import type { UntypedRow } from '../schema-version/steps.js'
import { type History, historyOf } from '../schema-version/version-history.js'
import { recordReader } from './cells.js'
import { formatOf } from './file-format.js'
import { readRecords } from './read-records.js'
import { writeRecords } from './write-records.js'

/** What `convertFile` is told: what `convertStream` is, and the files. */
export interface ConvertFileOptions<From, To, E extends OnError = OnError>
  extends ConvertStreamOptions<From, To, ResultKind, E> {
  /** `users.jsonl`, `users.csv.gz`: the name tells the format. */
  readonly input: string
  /** Replaced when it is there, at once and as a whole. */
  readonly output: string
}

/** What became of a file. */
export interface ConvertedFile {
  readonly report: ConvertReport
  /** With `onError: 'collect'`. */
  readonly failures: readonly RecordFailure[]
}

/**
 * Converts a file of records into another, of the same format or not, in constant memory but for `.json`. Records of a version that is
 * declared by columns are read by these: texts become moments, numbers in a CSV file numbers. Others come as the file has them.
 *
 *   await convertFile(user, { input: 'users-v1.csv', output: 'users-v2.jsonl.gz', from: '1.0.0', to: '2.0.0' })
 *
 * @throws RowshiftError FILE_INVALID, and what `convertStream` throws; nothing is written then
 */
export async function convertFile<
  M extends object,
  L extends keyof M,
  const From extends keyof M,
  const To extends keyof M = L,
  E extends OnError = 'throw',
>(versions: Versions<M, L>, options: ConvertFileOptions<From, To, E>): Promise<ConvertedFile> {
  const { input, output, ...rest } = options
  // Told before anything is read.
  formatOf(output)
  const stream = versions.convertStream(recordsOf(historyOf(versions)!, input, rest.from) as never, rest as never)
  await writeRecords(output, stream)
  return { report: stream.report, failures: stream.failures }
}

/** The records of a file as their version has them. */
export async function* recordsOf(history: History, path: string, from: unknown): AsyncGenerator<UntypedRow> {
  const shape = typeof from === 'string' ? history.requireShape(from) : undefined
  const isCsv = formatOf(path).kind === 'csv'
  const read =
    shape && !isClass(shape) && !isSchema(shape) ? recordReader(shape, isCsv) : (record: UntypedRow) => record
  for await (const record of readRecords(path))
    yield record === null || typeof record !== 'object' ? record : read(record)
}
