import type { Database } from '../../adapters/database.js'
import { journalBytesOf } from '../../backfill/batch/journal.js'
import { reading } from '../../backfill/connection/transaction.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { usualRows } from '../../backfill/pacing.js'
import { requireLookups } from '../../backfill/pages/look-ups.js'
import { requireRangePages } from '../../backfill/pages/page-range.js'
import type { PreparedChange } from '../../backfill/prepare/prepare-backfill.js'
import type { Dialect, Explanation, UpdateRow, WriteEffects } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { Statement } from '../../dialects/sql.js'
import { type ColumnInfo, type TableInfo, tableText } from '../../dialects/table.js'
import { withSession } from '../control/run-control.js'
import { type Foreseen, foresee } from '../when.js'
import { type PlannedDuplicates, planDuplicates } from './plan-duplicates.js'
import { countFirst, type MatchCount, openPreview, type Preview, type PreviewPlace, previewPage } from './preview.js'
import { type SampleRow, sampleOf } from './preview-sample.js'

export interface PlannedColumn {
  readonly name: string
  readonly type: string
}

export interface PlannedQuery {
  readonly purpose: 'page' | 'write'
  readonly sql: string
  readonly explain: readonly string[]
  readonly isByIndex: boolean
}

/** What a run would do, as far as it can be known before it. */
export interface PlanReport {
  readonly backfill: string
  readonly database: string
  readonly table: string
  readonly rows: {
    /** Of the table, by statistics or counted. */
    readonly estimated: number
    readonly matching: number
    /** False: estimated by the share of the first keys. */
    readonly isCounted: boolean
    readonly keysLooked: number
  }
  readonly key: { readonly columns: readonly PlannedColumn[]; readonly index: string }
  readonly reads: readonly PlannedColumn[]
  readonly writes: readonly PlannedColumn[]
  /** The table whose rows are created; null = the rows that are read are written. */
  readonly into: string | null
  /** Rows are deleted, and where they go before; null = no row is. */
  readonly removes: { readonly archive: string | null } | null
  /** Rows that are the same; null = that is not asked for. */
  readonly duplicates: PlannedDuplicates | null
  readonly queries: readonly PlannedQuery[]
  readonly effects: Pick<WriteEffects, 'indexes' | 'triggers' | 'foreignKeys'>
  /** True where a batch keeps all other writers out of the database; else it locks the rows it writes, until its commit. */
  readonly locksWholeDatabase: boolean
  readonly time: {
    readonly seconds: number
    /** What was measured: reading and transforming a page, or a batch that was rolled back. */
    readonly measured: 'read-and-transform' | 'batch-rolled-back' | 'reading-keys'
    readonly rowsPerSecond: number | null
  }
  /** About as many bytes; null = no statistics to tell by. */
  readonly volume: {
    readonly logBytes: number | null
    /** By the rows tried; null = no journal is kept. */
    readonly journalBytes: number | null
  }
  /** Backfills that have to be completed first. */
  readonly after: readonly string[]
  /** The reasons for which a run would be skipped or postponed. */
  readonly when: { readonly skip: readonly string[]; readonly postpone: readonly string[] }
  /** What would become of it now. */
  readonly now: Foreseen
  /** How a run could be taken back. */
  readonly undo: 'journal' | 'reverse' | 'not-needed' | 'irreversible'
  readonly sample: readonly SampleRow[]
}

/** Rows whose reading and transforming is measured: enough for a rate, and few calls of a transform that asks a service. */
const measuredRows = 500

/**
 * Looks at a definition and its table, and writes nothing, not even the state tables. The contents of rows are in `sample` and
 * nowhere else.
 * @throws RowshiftError PAGE_NOT_A_RANGE, and what the checks of the definition throw
 */
export function planRun(
  database: Database,
  definition: BackfillDefinition,
  options: { readonly sampleRows: number },
): Promise<PlanReport> {
  return withSession(database, { doing: `planning backfill "${definition.name}"` }, async (session, scope) => {
    const { dialect } = database
    const place = await openPreview(database, session, scope, definition)
    const { info, plan, work } = place.prepared
    const run = <T>(script: Script<T>) => session.run(reading(dialect, scope, script))
    const estimated = await run(dialect.estimateRows(info.table))
    const found = await countFirst(place)
    const written = work.form === 'sql' ? work.action.written : work.write.map(({ column }) => column)
    const target = work.form === 'sql' ? info : work.destination.info
    const effects = await run(effectsOf(dialect, place.prepared, target, written))
    const range = found.range
    const queries = range ? await run(explainAll(place, range.upTo, written)) : []
    const limit = Math.max(options.sampleRows, Math.min(definition.batchRows ?? measuredRows, measuredRows))
    const preview = range
      ? await previewPage(place, { ...range, limit }, { isTried: false, signal: new AbortController().signal })
      : undefined

    const { duplicates: sought } = work.form === 'sql' ? work.action : {}
    const duplicates = sought ? await planDuplicates(dialect, session, scope, plan, sought) : null

    const total = found.isWhole ? found.looked : Math.max(estimated, found.looked)
    const matching = found.isWhole ? found.matching : Math.round((found.matching / found.looked) * total)
    const { logBytesPerRow, ...ofWrites } = effects
    return {
      backfill: definition.name,
      database: database.label,
      table: tableText(info.table),
      rows: { estimated: total, matching, isCounted: found.isWhole, keysLooked: found.looked },
      key: { columns: info.key.map(planned), index: info.keyIndex },
      reads: plan.read.map(planned),
      writes: written.map(planned),
      into: target === info ? null : tableText(target.table),
      removes: removalOf(work),
      duplicates,
      queries,
      effects: ofWrites,
      locksWholeDatabase: dialect.locksWholeDatabase,
      time: timeOf(place.prepared, found, preview, total, matching),
      volume: {
        logBytes: logBytesPerRow === undefined ? null : Math.round(logBytesPerRow * matching),
        journalBytes: definition.journal ? Math.round(journalBytesARow(place.prepared, preview) * matching) : null,
      },
      after: definition.after,
      when: { skip: [...definition.when.skip.keys()], postpone: [...definition.when.postpone.keys()] },
      now: await foresee(database, session, scope, definition),
      undo: wayBack(definition),
      sample: preview ? sampleOf(place.prepared, preview, options.sampleRows) : [],
    }
  })
}

function removalOf(work: PreparedChange['work']): PlanReport['removes'] {
  if (work.form !== 'sql' || !work.action.removes) return null
  return { archive: work.action.archive ? tableText(work.action.archive.info.table) : null }
}

/** Of a write, or of a deletion: then the triggers and foreign keys that it concerns. */
function* effectsOf(
  dialect: Dialect,
  { work, info }: PreparedChange,
  target: TableInfo,
  written: readonly ColumnInfo[],
): Script<WriteEffects> {
  const effects = yield* dialect.writeEffects(target, written)
  if (work.form !== 'sql' || !work.action.removes) return effects
  const references = yield* dialect.references(info.table)
  return {
    ...effects,
    indexes: [],
    triggers: yield* dialect.deleteTriggers(info.table),
    foreignKeys: references.map(
      ({ name, table, onDelete }) => `${name} of ${tableText(table)} (on delete ${onDelete})`,
    ),
  }
}

function wayBack({ journal, reverse }: BackfillDefinition): PlanReport['undo'] {
  if (journal) return 'journal'
  if (reverse === undefined) return 'irreversible'
  return reverse === 'not-needed' ? reverse : 'reverse'
}

/** What an entry has besides the contents: ids, the names of the columns, the index. */
const entryBytes = 80

function journalBytesARow(prepared: PreparedChange, preview: Preview | undefined): number {
  const rows = preview?.rows.length ?? 0
  return rows === 0 ? 0 : entryBytes + journalBytesOf(prepared, preview?.changes ?? { sets: [] }) / rows
}

const planned = ({ name, type }: ColumnInfo): PlannedColumn => ({ name, type })

function* explainAll(
  { database, prepared }: PreviewPlace,
  upTo: readonly string[],
  written: readonly ColumnInfo[],
): Script<readonly PlannedQuery[]> {
  const { dialect } = database
  const { plan } = prepared
  yield* requireLookups(dialect, prepared)
  const rangeFound = yield* requireRangePages(dialect, plan, upTo)
  const page = dialect.readPage(plan, { after: upTo, upTo, limit: prepared.definition.batchRows ?? usualRows }, 'plain')
  const { work, info } = prepared
  // Explained by a key alone: what is written does not decide how its row is found. A row that is created is not looked for.
  const row: UpdateRow = [...upTo, ...plan.read.map(() => null), ...written.map(() => null)]
  const writing = () => {
    const inDryRun = { dialect, mode: 'plain', journal: undefined } as const
    if (work.form === 'sql') return firstOf(work.action.write(inDryRun, plan, { after: upTo, upTo }), work.action.finds)
    return work.destination.info === info ? firstOf(dialect.updateRows(plan, written, [row]), 'update-rows') : undefined
  }
  const write = writing()
  const query = (purpose: PlannedQuery['purpose'], { text }: Statement, { lines, isByIndex }: Explanation) => ({
    purpose,
    sql: text,
    explain: lines,
    isByIndex,
  })
  const queries = [query('page', page, rangeFound)]
  if (write) queries.push(query('write', write, yield* dialect.explain(prepared.info, write)))
  return queries
}

/** The statement a script would send with this label, as long as nothing that comes before it is asked for. */
function firstOf(script: Script<unknown>, label: string): Statement | undefined {
  for (let step = script.next(); !step.done; step = script.next({ rows: [], affected: 0 })) {
    if (step.value.label === label) return step.value
  }
  return undefined
}

function timeOf(
  { work }: PreparedChange,
  found: MatchCount,
  preview: Preview | undefined,
  total: number,
  matching: number,
): PlanReport['time'] {
  const secondsAKey = found.looked > 0 ? found.seconds / found.looked : 0
  if (!preview || preview.rows.length === 0) {
    return { seconds: total * secondsAKey, measured: 'reading-keys', rowsPerSecond: null }
  }
  const secondsARow = preview.seconds / preview.rows.length
  return {
    seconds: matching * secondsARow + (total - matching) * secondsAKey,
    measured: work.form === 'sql' ? 'batch-rolled-back' : 'read-and-transform',
    rowsPerSecond: 1 / secondsARow,
  }
}
