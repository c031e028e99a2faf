import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'
import { RowshiftError } from '../errors/rowshift-error.js'
import { formatOf } from './file-format.js'

/**
 * The records of a file, as they are asked for: `.jsonl` and `.csv` line by line in constant memory, `.json` as one document. In a CSV
 * file every value is a text.
 *
 * @throws RowshiftError FILE_INVALID, with the line; what the file system throws
 */
export async function* readRecords(path: string): AsyncGenerator<Record<string, unknown>> {
  const { kind, isGzipped } = formatOf(path)
  const file = createReadStream(path)
  // A pipeline, so that each end is closed with the other; errors come out at the end that is read.
  const bytes: Readable = isGzipped ? pipeline(file, createGunzip(), () => undefined) : file
  try {
    if (kind === 'json') yield* documents(path, bytes)
    else if (kind === 'jsonl') yield* lines(path, bytes)
    else yield* rows(path, bytes)
  } catch (error) {
    const { code } = error as { readonly code?: unknown }
    const isBroken = typeof code === 'string' && code.startsWith('Z_')
    throw isBroken ? invalid(path, 'is no whole gzip file', {}, error) : error
  } finally {
    file.destroy()
  }
}

async function* documents(path: string, bytes: Readable): AsyncGenerator<Record<string, unknown>> {
  const document = parseJson(path, await text(bytes))
  const records = Array.isArray(document) ? document : [document]
  yield* records as Record<string, unknown>[]
}

async function* lines(path: string, bytes: Readable): AsyncGenerator<Record<string, unknown>> {
  let line = 0
  for await (const one of linesOf(bytes)) {
    line++
    if (one.trim() !== '') yield parseJson(path, one, line) as Record<string, unknown>
  }
}

/** Not by readline, which hides errors of what it reads. A blank at the end, `\r` too, means nothing to JSON. */
async function* linesOf(bytes: Readable): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of bytes.setEncoding('utf8')) {
    const parts = `${rest}${chunk as string}`.split('\n')
    rest = parts.pop()!
    yield* parts
  }
  yield rest
}

async function* rows(path: string, bytes: Readable): AsyncGenerator<Record<string, unknown>> {
  const parser = pipeline(bytes, parse({ columns: true, bom: true, skip_empty_lines: true }), () => undefined)
  try {
    for await (const row of parser) yield row as Record<string, string>
  } catch (error) {
    const { code, lines: line } = error as { readonly code?: string; readonly lines?: number }
    if (!code?.startsWith('CSV_')) throw error
    throw invalid(path, `is no CSV in line ${line}: ${code}`, { line }, error)
  }
}

function parseJson(path: string, json: string, line?: number): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // Not the parser's own error, which quotes the text.
    throw invalid(path, line === undefined ? 'is no JSON' : `is no JSON in line ${line}`, { line })
  }
}

function invalid(path: string, what: string, details: object, cause?: unknown): RowshiftError {
  return new RowshiftError('FILE_INVALID', {
    message: `${path} ${what}. Mend the file; nothing was written.`,
    details: { file: path, ...details },
    cause,
  })
}
