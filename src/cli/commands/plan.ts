import { InvalidArgumentError } from 'commander'
import { type PlannedColumn, type PlanReport, planRun } from '../../runs/plan/plan-run.js'
import type { CommandSpec } from '../command.js'
import { forEachMember, membersOf } from '../each-member.js'
import { exitCodes } from '../exit-codes.js'
import { bytes, columns, count, counted, duration, key, rate } from '../format.js'
import { definitionNamed, loadConfig, loadDefinitions, requireDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'

/** Rows that are tried where nobody asks to see any. */
const triedRows = 20

export const plan: CommandSpec<{ readonly sample?: number }> = {
  usage: 'plan [name]',
  summary: 'show what a run would do; writes nothing',
  description: `Shows what a run of a backfill would do: the table, its key, how many rows match (counted up to 100,000 keys, beyond that
estimated), the queries and how the database would carry them out, what each write brings along, and about how long it would
take and how much it would log. Refuses a table of which a page would be no range of an index. Without a name: of every backfill
of the config. Of a sequence: of its backfills, in their order.

It tries the transform on a page. With \`--sample\` it prints rows as they are and as they would be: the only place where
rowshift shows the contents of rows. Nothing is written, no state table is made; values that the database computes
(\`defineBackfill.sql\`) are tried in a transaction that is rolled back.`,
  examples: [
    ['rowshift plan city.slug', 'the plan'],
    ['rowshift plan city.slug --sample 20', 'with 20 rows before and after'],
    ['rowshift plan --json', 'of every backfill, for a script'],
  ],
  tenants: 'all',
  exitCodes: ['0  it can be run', '1  the table or the definition is refused, or a row tried could not be migrated'],
  options: (command) =>
    command.option('-n, --sample <rows>', 'show the contents of this many rows, before and after', wholeNumber),
  async run(call) {
    const { name, options, output } = call
    const project = await loadConfig(options)
    const definitions = requireDefinitions(project, await loadDefinitions(project))
    const sequence = definitions.sequences.get(name)
    if (sequence) return forEachMember(plan, call, sequence, { members: membersOf(sequence) })
    const chosen = name === '' ? [...definitions.values()] : [definitionNamed(project, definitions, name)]
    return withDatabase(project, async (database) => {
      const reports: PlanReport[] = []
      const sampleRows = Math.max(options.sample ?? triedRows, 1)
      for (const definition of chosen) reports.push(await planRun(database, definition, { sampleRows }))
      const documents = reports.map((report) => documentOf(report, options.sample))
      const isSound = reports.every(({ sample }) => sample.every(({ failure }) => failure === null))
      return {
        exitCode: isSound ? exitCodes.done : exitCodes.failed,
        json: name === '' ? { plans: documents } : documents[0],
        lines: [
          ...reports.flatMap((report) => linesOf(report, options.sample, output)),
          `Nothing was written.  ${output.paint.dim('Next:')} rowshift run ${name || reports[0]!.backfill} --dry-run`,
        ],
      }
    })
  },
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number.')
  return value
}

/** Contents of rows only where they were asked for. */
function documentOf({ sample, ...report }: PlanReport, shown: number | undefined) {
  const failed = sample.filter(({ failure }) => failure !== null)
  return {
    ...report,
    tried: {
      rows: sample.length,
      changed: sample.filter(isChanged).length,
      failures: failed.map(({ key, failure }) => ({ key, ...failure })),
    },
    ...(shown === undefined ? {} : { sample: sample.slice(0, shown) }),
  }
}

const isChanged = ({ after, creates, isRemoved }: PlanReport['sample'][number]): boolean =>
  Object.keys(after).length + creates.length > 0 || isRemoved

function linesOf(report: PlanReport, shown: number | undefined, { paint }: Output): readonly string[] {
  const { rows, key: index, reads, queries, time, volume } = report
  const page = queries.find(({ purpose }) => purpose === 'page')
  const matching = rows.isCounted
    ? `${count(rows.matching)} of ${count(rows.estimated)} match, counted`
    : `about ${count(rows.matching)} of ${count(rows.estimated)} match, by the first ${count(rows.keysLooked)}`
  const table = columns([
    ['  rows', matching, ''],
    ['  key', described(index.columns), `by ${index.index}`],
    ['  reads', described(reads), page ? (page.isByIndex ? 'each page is an index range' : 'few rows: scanned') : ''],
    writesOf(report),
    ['  volume', volumeOf(volume), ''],
    ['  undo', undoBy[report.undo], ''],
    ['  time', timeOf(time), measuredBy[time.measured]],
    [
      '  locks',
      report.locksWholeDatabase
        ? 'a batch keeps all other writers out until its commit'
        : 'the rows of a batch, until its commit',
      '',
    ],
    ...beginningOf(report),
  ])
  return [
    `${paint.bold(report.backfill)}   ${report.database} · ${report.table}`,
    ...table,
    ...queries.flatMap(({ purpose, sql, explain }) => [
      paint.dim(`  ${purpose}: ${sql.replace(/\s+/g, ' ')}`),
      ...explain.map((line) => `    ${line}`),
    ]),
    ...duplicateLines(report),
    ...sampleLines(report, shown, paint),
  ]
}

/** What it waits for, and what would become of it now; nothing of a backfill that is begun at once. */
function beginningOf({ after, when, now }: PlanReport): readonly (readonly string[])[] {
  const rows = [
    ['  after', after.join(', ')],
    ['  skipped if', when.skip.join('; or ')],
    ['  waits if', when.postpone.join('; or ')],
  ].filter(([, text]) => text !== '')
  if (rows.length === 0) return []
  const outcome = { begun: 'would begin', skipped: 'would be skipped', postponed: 'would wait' }[now.outcome]
  return [...rows, ['  now', outcome + (now.reason === null ? '' : `: ${now.reason}`)]]
}

function writesOf(report: PlanReport): readonly string[] {
  const { writes, into, removes } = report
  if (removes) {
    const first =
      removes.archive === null ? 'the rows that match' : `the rows that match, once they are in ${removes.archive}`
    return ['  deletes', first, effectsOf(report)]
  }
  if (into !== null) return ['  creates', described(writes), `in ${into}  ${effectsOf(report)}`]
  return ['  writes', described(writes), effectsOf(report)]
}

function duplicateLines({ duplicates, removes }: PlanReport): readonly string[] {
  if (!duplicates) return []
  const { groups, others, isWhole, first, repoint } = duplicates
  const keys = (of: readonly (readonly string[])[]) => of.map((one) => key(JSON.stringify(one))).join(', ')
  const shown = first.map(({ survivor, others }) => {
    const most = others.length > 10 ? `, and ${count(others.length - 10)} more` : ''
    return `    ${keys([survivor])} stays, ${keys(others.slice(0, 10))}${most} ${removes ? 'would go' : 'would be marked'}`
  })
  return [
    `  ${counted(groups, 'group')} with ${counted(others, 'row')} besides the one that stays${isWhole ? '' : ', by the first 100,000 keys'}`,
    ...shown,
    ...(groups > first.length ? [`    and ${counted(groups - first.length, 'more group')}`] : []),
    ...repoint.map(
      ({ table, columns, rows }) =>
        `  ${counted(rows, 'row')} of ${table} would refer to a survivor (${columns.join(', ')})`,
    ),
  ]
}

const undoBy: Readonly<Record<PlanReport['undo'], string>> = {
  journal: 'by the journal',
  reverse: 'by `reverse`',
  'not-needed': 'not needed',
  irreversible: 'IRREVERSIBLE: no `journal`, no `reverse`',
}

function volumeOf({ logBytes, journalBytes }: PlanReport['volume']): string {
  const log = logBytes === null ? 'log unknown: no statistics' : `~${bytes(logBytes)} log`
  return `${log}, ${journalBytes === null ? 'journal off' : `~${bytes(journalBytes)} journal`}`
}

const measuredBy: Readonly<Record<PlanReport['time']['measured'], string>> = {
  'read-and-transform': 'reading and transforming, measured; writing comes on top: --dry-run measures it',
  'batch-rolled-back': 'by a batch that was rolled back',
  'reading-keys': 'no row matches in what was looked at',
}

function timeOf({ seconds, rowsPerSecond }: PlanReport['time']): string {
  return `~${duration(seconds)}${rowsPerSecond === null ? '' : ` at ${rate(rowsPerSecond)}`}`
}

const described = (of: readonly PlannedColumn[]): string =>
  of.length === 0 ? 'nothing' : of.map(({ name, type }) => `${name} ${type}`).join(', ')

function effectsOf({ effects }: PlanReport): string {
  const { indexes, triggers, foreignKeys } = effects
  const said = (names: readonly string[], one: string, many: string) =>
    names.length === 0 ? [] : [`${names.length === 1 ? one : many} ${names.join(', ')}`]
  const all = [
    ...said(indexes, 'index', 'indexes'),
    ...said(triggers, 'fires trigger', 'fires triggers'),
    ...said(foreignKeys, 'foreign key', 'foreign keys'),
  ]
  return all.length === 0 ? 'no index, trigger or foreign key' : all.join('; ')
}

function sampleLines(report: PlanReport, shown: number | undefined, paint: Output['paint']): readonly string[] {
  const { sample } = report
  if (sample.length === 0) return []
  const failed = sample.filter(({ failure }) => failure !== null)
  const changed = sample.filter(isChanged).length
  const asked = sample.slice(0, shown ?? 0).map((row) => {
    const texts = Object.entries(row.before).map(([name, text]) => {
      const after = row.after[name]
      return `${name} ${quoted(text)}${after === undefined ? '' : ` -> ${quoted(after)}`}`
    })
    const created = row.creates.map((made) => {
      const cells = Object.entries(made).map(([name, text]) => `${name} ${quoted(text)}`)
      return `+ ${cells.join(', ')}`
    })
    const removed = row.isRemoved ? ['- deleted'] : []
    return [
      `  ${key(JSON.stringify(row.key))}`,
      ...texts,
      ...created,
      ...removed,
      row.failure ? paint.red(row.failure.code) : '',
    ]
  })
  return [
    ...columns(asked),
    `  ${counted(sample.length, 'row')} tried: ${count(changed)} would ${triedTo(report)}${
      failed.length > 0 ? `, ${paint.red(`${count(failed.length)} could not be migrated`)}` : ''
    }${shown === undefined ? paint.dim(`  (--sample ${triedRows} shows them)`) : ''}`,
    ...failed.map(({ key: of, failure }) => `    ${key(JSON.stringify(of))}  ${failure!.code}: ${failure!.message}`),
  ]
}

function triedTo({ into, removes }: PlanReport): string {
  if (removes) return 'be deleted'
  return into === null ? 'change' : 'have others created'
}

const quoted = (text: string | null): string => (text === null ? 'null' : `'${text.replace(/\s+/g, ' ')}'`)
