import type { RowContents, TableContents, TableFacts } from './crash-calls.js'

/** What is wrong with a row after a disturbed run. */
export type Fault =
  /** Its counter is higher than after the uninterrupted run, or it was created once more: it was migrated again. */
  | 'doubleApplied'
  /** A value that the application wrote is gone. */
  | 'lostWrites'
  /** It is missing, or should not be there, or was passed over. */
  | 'unaccounted'
  /** The run's own values are others than those of the uninterrupted run. */
  | 'mismatched'

/** A row that differs. Never contents. */
export interface Difference {
  readonly fault: Fault
  readonly table: string
  readonly key: readonly string[]
  /** Columns that differ; none = the row is there in one of the tables only. */
  readonly columns: readonly string[]
}

/** The table at four moments. */
export interface Moments {
  /** As it was prepared. */
  readonly prepared: TableContents
  /** After the application's writes alone. */
  readonly written: TableContents
  /** After the same writes and an uninterrupted run: as it must be. */
  readonly expected: TableContents
  /** After a disturbed run among the same writes. */
  readonly actual: TableContents
}

type Texts = readonly (string | null)[]

/** Each row that is not as it must be, once, by the gravest thing that can be said of it. */
export function differencesOf(
  { table, columns, written, counter, isCreated }: TableFacts,
  moments: Moments,
  ignored: ReadonlySet<string>,
): readonly Difference[] {
  const byId = (contents: TableContents) => new Map(contents.map((row) => [row.id, row]))
  const [prepared, alone, expected, actual] = [
    byId(moments.prepared),
    byId(moments.written),
    byId(moments.expected),
    byId(moments.actual),
  ]
  const compared = columns.flatMap((name, i) => (ignored.has(name) ? [] : [i]))
  const isWritten = columns.map((name) => written.includes(name))
  const counterAt = counter === undefined ? -1 : columns.indexOf(counter)
  const differences: Difference[] = []
  const found = (fault: Fault, row: RowContents, of: readonly number[]) =>
    differences.push({ fault, table, key: JSON.parse(row.key), columns: of.map((i) => columns[i]!) })
  for (const id of new Set([...expected.keys(), ...actual.keys()])) {
    const [must, is] = [expected.get(id), actual.get(id)]
    if (!must || !is) {
      // Not told by its key, a row that is too many is one of several that were written alike.
      const isAgain = isCreated && is !== undefined && id !== is.key && id.includes(' again ')
      found(isAgain ? 'doubleApplied' : 'unaccounted', (must ?? is)!, [])
      continue
    }
    const different = compared.filter((i) => must.texts[i] !== is.texts[i])
    if (different.length === 0) continue
    const [before, wrote] = [prepared.get(id)?.texts, alone.get(id)?.texts]
    const faults = different.map((i) => faultOfColumn(i, { must: must.texts, is: is.texts, before, wrote }))
    const fault = (['doubleApplied', 'lostWrites', 'unaccounted'] as const).find((one) => faults.includes(one))
    found(fault ?? 'mismatched', is, different)
  }
  return differences

  function faultOfColumn(
    i: number,
    row: { must: Texts; is: Texts; before: Texts | undefined; wrote: Texts | undefined },
  ): Fault {
    const [must, is, before, wrote] = [row.must[i], row.is[i], row.before?.[i], row.wrote?.[i]]
    if (i === counterAt) {
      if (Number(is) > Number(must)) return 'doubleApplied'
      // What the application has added to it is missing, or one of ours.
      return before !== wrote ? 'lostWrites' : 'unaccounted'
    }
    // The run leaves alone what it does not write, and what the application has put where it would have written.
    if (!isWritten[i] || (must === wrote && wrote !== before)) return 'lostWrites'
    return is === before ? 'unaccounted' : 'mismatched'
  }
}
