import type { PageRow } from '../../backfill/pages/keyset-reader.js'
import type { PreparedChange } from '../../backfill/prepare/prepare-backfill.js'
import type { ColumnInfo } from '../../dialects/table.js'
import type { Preview } from './preview.js'

type Texts = Readonly<Record<string, string | null>>

/** A row as it is and as it would be: the texts of its columns. The one place where contents of rows are handed out. */
export interface SampleRow {
  readonly key: readonly string[]
  /** Columns read and columns to be written. */
  readonly before: Texts
  /** Columns that would change; empty when the transform leaves the row as it is, or others are created of it. */
  readonly after: Texts
  /** Rows of another table that would be created. */
  readonly creates: readonly Texts[]
  /** Whether the row itself would be gone. */
  readonly isRemoved: boolean
  /** Why the row could not be migrated; null = it could. */
  readonly failure: { readonly code: string; readonly message: string } | null
}

/** The first rows of a preview. */
export function sampleOf(prepared: PreparedChange, preview: Preview, rows: number): readonly SampleRow[] {
  const columns = prepared.work.form === 'sql' ? prepared.work.action.shown : prepared.plan.read
  const after = preview.after ? computed(columns, preview) : transformed(prepared, preview)
  const creates = created(prepared, preview)
  const isRemoving = prepared.work.form === 'sql' && prepared.work.action.removes
  const found = preview.trial?.failures ?? preview.changes?.failures
  const failures = new Map(found?.map(({ key, code, message }) => [key, { code, message }]))
  return preview.rows.slice(0, rows).map((row) => {
    const key = JSON.stringify(row.key)
    return {
      key: row.key,
      before: textsOf(columns, row.tokens),
      after: after.get(key) ?? {},
      creates: creates.get(key) ?? [],
      isRemoved: isRemoving && !after.has(key),
      failure: failures.get(key) ?? null,
    }
  })
}

function textsOf(columns: readonly ColumnInfo[], texts: PageRow['tokens']): Texts {
  return Object.fromEntries(columns.map(({ name }, i) => [name, texts[i] ?? null]))
}

function transformed(prepared: PreparedChange, { changes }: Preview): ReadonlyMap<string, Texts> {
  const keys = prepared.info.key.length
  const first = keys + prepared.plan.read.length
  const after = new Map<string, Texts>()
  for (const set of changes?.sets ?? []) {
    const columns = set.columns.map(({ column }) => column)
    for (const row of set.rows) after.set(JSON.stringify(row.slice(0, keys)), textsOf(columns, row.slice(first)))
  }
  return after
}

function created({ info, work }: PreparedChange, { changes }: Preview): ReadonlyMap<string, readonly Texts[]> {
  const found = new Map<string, readonly Texts[]>()
  if (work.form === 'sql') return found
  const columns = work.write.map(({ column }) => column)
  for (const { rows, creates = [] } of changes?.sets ?? []) {
    for (const [i, row] of rows.entries()) {
      const made = (creates[i] ?? []).map((texts) => textsOf(columns, texts))
      found.set(JSON.stringify(row.slice(0, info.key.length)), made)
    }
  }
  return found
}

/** Only what differs: the database was given every column. */
function computed(columns: readonly ColumnInfo[], { rows, after = [] }: Preview): ReadonlyMap<string, Texts> {
  const before = new Map(rows.map((row) => [JSON.stringify(row.key), textsOf(columns, row.tokens)]))
  return new Map(
    after.map((row) => {
      const key = JSON.stringify(row.key)
      const texts = Object.entries(textsOf(columns, row.tokens))
      return [key, Object.fromEntries(texts.filter(([name, text]) => before.get(key)?.[name] !== text))]
    }),
  )
}
