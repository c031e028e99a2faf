import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { stringify } from 'csv-stringify/sync'
import { csvCell, jsonValue } from './cells.js'
import { formatOf } from './file-format.js'

/** Characters that are collected before they are written: a write a record would cost more than the record. */
const chunkSize = 64 * 1024

/**
 * Writes records to a file, by its name `.json` (an array), `.jsonl` or `.csv`, with `.gz` or without. They go to a file beside it, which takes
 * its name when it is whole and on disk: a crash leaves the file that was there, or none. The columns of a CSV file are the fields of its
 * first record.
 *
 * @returns how many records were written
 * @throws RowshiftError FILE_INVALID for a name that tells no format; what the source and the file system throw
 */
export async function writeRecords(path: string, records: Iterable<unknown> | AsyncIterable<unknown>): Promise<number> {
  const { kind, isGzipped } = formatOf(path)
  const written = { records: 0 }
  const beside = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`
  try {
    const texts = chunks(counted(records, written), kind)
    const target = createWriteStream(beside, { flags: 'wx' })
    await (isGzipped ? pipeline(texts, createGzip(), target) : pipeline(texts, target))
    await flush(beside)
    await rename(beside, path)
    await flush(dirname(path))
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  return written.records
}

async function* counted(records: Iterable<unknown> | AsyncIterable<unknown>, count: { records: number }) {
  for await (const record of records) {
    count.records++
    yield record
  }
}

const texts = {
  jsonl: async function* (records: AsyncIterable<unknown>) {
    for await (const record of records) yield `${JSON.stringify(record, jsonValue)}\n`
  },
  json: async function* (records: AsyncIterable<unknown>) {
    let separator = '[\n'
    for await (const record of records) {
      yield `${separator}${JSON.stringify(record, jsonValue)}`
      separator = ',\n'
    }
    yield separator === '[\n' ? '[]\n' : '\n]\n'
  },
  csv: async function* (records: AsyncIterable<unknown>) {
    let names: readonly string[] | undefined
    for await (const record of records) {
      const row = record as Readonly<Record<string, unknown>>
      if (!names) {
        names = Object.keys(row)
        yield stringify([names])
      }
      yield stringify([names.map((name) => csvCell(row[name]))])
    }
  },
}

function chunks(records: AsyncIterable<unknown>, kind: keyof typeof texts): Readable {
  async function* joined() {
    let text = ''
    for await (const piece of texts[kind](records)) {
      text += piece
      if (text.length < chunkSize) continue
      yield text
      text = ''
    }
    if (text !== '') yield text
  }
  return Readable.from(joined(), { objectMode: false })
}

/** Onto the disk: a file, or the names of a folder. */
async function flush(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
