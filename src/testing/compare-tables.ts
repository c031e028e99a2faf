import type { TableContents, TableFacts } from './crash-calls.js'

/** What is wrong with a row after a disturbed run. */
export type Fault =
  /** Its counter is higher than after the uninterrupted run: it was migrated again. */
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
  { columns, written, counter }: TableFacts,
  moments: Moments,
  ignored: ReadonlySet<string>,
): readonly Difference[] {
  const [prepared, alone, expected, actual] = [
    new Map(moments.prepared),
    new Map(moments.written),
    new Map(moments.expected),
    new Map(moments.actual),
  ]
  const compared = columns.flatMap((name, i) => (ignored.has(name) ? [] : [i]))
  const isWritten = columns.map((name) => written.includes(name))
  const counterAt = counter === undefined ? -1 : columns.indexOf(counter)
  const differences: Difference[] = []
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [must, is] = [expected.get(key), actual.get(key)]
    if (!must || !is) {
      differences.push({ fault: 'unaccounted', key: JSON.parse(key), columns: [] })
      continue
    }
    const different = compared.filter((i) => must[i] !== is[i])
    if (different.length === 0) continue
    const faultOf = (i: number) => faultOfColumn(i, { must, is, before: prepared.get(key), wrote: alone.get(key) })
    const faults = different.map(faultOf)
    const fault = (['doubleApplied', 'lostWrites', 'unaccounted'] as const).find((one) => faults.includes(one))
    differences.push({
      fault: fault ?? 'mismatched',
      key: JSON.parse(key),
      columns: different.map((i) => columns[i]!),
    })
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
