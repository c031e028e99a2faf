import { RowshiftError } from '../errors/rowshift-error.js'

/** How records lie in a file. */
export interface FileFormat {
  /** `json`: one document, a record or an array of them. `jsonl`: a record a line. `csv`: with a line of names. */
  readonly kind: 'json' | 'jsonl' | 'csv'
  readonly isGzipped: boolean
}

const kinds: Readonly<Record<string, FileFormat['kind']>> = {
  json: 'json',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
}

/** By its name: `.json`, `.jsonl`, `.ndjson`, `.csv`, each with `.gz` or without. @throws RowshiftError FILE_INVALID */
export function formatOf(path: string): FileFormat {
  const [, extension = '', gz] = /\.([a-z]+)(\.gz)?$/i.exec(path) ?? []
  const kind = kinds[extension.toLowerCase()]
  if (kind) return { kind, isGzipped: gz !== undefined }
  throw new RowshiftError('FILE_INVALID', {
    message: `${path} is neither .json nor .jsonl, .ndjson or .csv (each may end in .gz). Name it by what it holds.`,
    details: { file: path },
  })
}
