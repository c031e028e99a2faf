import type { Key, TablePlan } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { JournalEntry, NewFailure } from '../../dialects/state-statements.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import type { Archive } from '../batch/archive.js'
import { byHalves } from '../batch/by-halves.js'
import { requireAll } from '../batch/remove-range.js'
import { refusalOf } from '../connection/retry.js'
import { readModeIn } from '../connection/transaction.js'
import { readKey } from '../pages/cursor.js'
import { rereadRows } from '../pages/keyset-reader.js'
import type { ShardContext } from '../shard-context.js'

export interface RemovedOutcome {
  readonly restored: readonly JournalEntry[]
  /** The row is there already, as it was. */
  readonly needless: readonly JournalEntry[]
  readonly failures: readonly (readonly [JournalEntry, Pick<NewFailure, 'code' | 'message'>])[]
}

interface Removed {
  readonly entry: JournalEntry
  readonly key: Key
}

/**
 * Creates rows again that a run has deleted, of the journal or of the archive, each only where its key is still free. `columns` are
 * those of the entries, all alike.
 */
export function* restoreRemoved(
  context: ShardContext,
  info: TableInfo,
  columns: readonly ColumnInfo[],
  entries: readonly JournalEntry[],
  archive: Archive | undefined,
): Script<RemovedOutcome> {
  const { dialect, scope } = context
  const removed = entries.map((entry): Removed => ({ entry, key: readKey(entry.key) }))
  // An archive has what an entry has no more than the key of.
  const from = columns.length > info.key.length ? undefined : archive
  const failures: [JournalEntry, Pick<NewFailure, 'code' | 'message'>][] = []
  const needless: JournalEntry[] = []

  const plan: TablePlan = { info, read: columns, where: undefined, endsWithWrite: false }
  const { matching } = yield* rereadRows(
    dialect,
    plan,
    removed.map(({ key }) => key),
    readModeIn(scope),
  )
  const standing = new Map(matching.map(({ key, tokens }) => [JSON.stringify(key), JSON.stringify(tokens)]))
  const archived =
    from &&
    new Set(
      yield* dialect.lockGuarded(
        { ...plan, info: from.info, read: [] },
        removed.map(({ key }) => key),
      ),
    )
  const free = removed.filter(({ entry }, i) => {
    const now = standing.get(entry.key)
    if (now !== undefined) {
      if (!from && now === JSON.stringify(entry.before)) needless.push(entry)
      else
        failures.push([
          entry,
          { code: 'CHANGED_SINCE', message: 'another row has its key now, so it was not created again' },
        ])
    } else if (archived && !archived.has(i)) {
      failures.push([
        entry,
        { code: 'CHANGED_SINCE', message: `it is no more in the archive "${tableText(from!.info.table)}"` },
      ])
    } else return true
    return false
  })

  const refused = new Set<JournalEntry>()
  yield* byHalves(
    dialect,
    free,
    function* (part) {
      const keys = part.map(({ key }) => key)
      if (!from)
        return yield* dialect.restoreRows(
          info,
          columns,
          part.map(({ entry }) => entry.before!),
        )
      requireAll(info, keys, yield* dialect.copyRows(from.info, from.returned, keys, info))
      requireAll(from.info, keys, yield* dialect.deleteRows(from.info, keys))
    },
    ({ entry }, error) => {
      refused.add(entry)
      failures.push([entry, refusalOf(dialect, error)])
    },
  )
  return { restored: free.map(({ entry }) => entry).filter((entry) => !refused.has(entry)), needless, failures }
}
