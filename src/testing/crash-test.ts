import { AssertionError } from 'node:assert'
import { randomInt } from 'node:crypto'
import type { Backfill, ChangesOf } from '../backfill/definition/define-backfill.js'
import { definitionOf } from '../backfill/definition/definition.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { type Difference, differencesOf, type Fault, type Moments } from './compare-tables.js'
import type { CrashFacts, CrashTask, TableContents } from './crash-calls.js'
import { disturbedRun, prepareTables, type Stage, uninterruptedRun } from './crash-round.js'
import { Crew } from './crew.js'
import { Member } from './member.js'
import { randomFrom } from './random.js'
import { TcpProxy } from './tcp-proxy.js'
import type { Writer } from './writers.js'

/** What {@link crashTest} takes. */
export interface CrashTestOptions<B extends Backfill> {
  /** The definition, found by its name in the config, as every command finds it. */
  readonly backfill: B
  /**
   * Makes the table as it is before the backfill: called before each run, with the table as the last run left it. Always the same
   * rows. Enough of them that a run takes some seconds: batches are small if the definition says so.
   */
  readonly prepare: () => unknown
  /**
   * Streams of writes that the application makes meanwhile; each is called with 1, 2, 3, …, commits one write, and waits for it. A
   * call that rejects has committed nothing. A write depends on its number and on its own stream's rows only, and leads to the same
   * end whether the row was migrated before it or is migrated after it, as deployed code must: it derives what it changes the
   * source of. Default: none.
   */
  readonly writers?: readonly Writer[]
  /**
   * A column that the definition raises by one in every row that it writes. Without it a row that is migrated twice shows only where
   * its values differ, and `doubleApplied` is null.
   */
  readonly counter?: keyof ChangesOf<B> & string
  /** Columns that need not be the same after two runs: times, values that `unique` gives. Default: none. */
  readonly ignore?: readonly string[]
  /** The config file. Default: the first `rowshift.config.ts` from the working directory upward. */
  readonly config?: string
  /** Which of the config's data sources, if it names several. */
  readonly dataSource?: string
  /** What the config's processes find in their environment, besides this process's own: the address of a throwaway database. */
  readonly env?: NodeJS.ProcessEnv
  /**
   * Where the database listens. Workers are led to it through a proxy that cuts their connections, by an environment made from the
   * proxy's port (its host is 127.0.0.1). Default: no connection is cut.
   */
  readonly server?: {
    readonly host: string
    readonly port: number
    readonly env: (port: number) => NodeJS.ProcessEnv
  }
  /** Worker processes at a time. Default 4. */
  readonly workers?: number
  /** Workers that are killed by SIGKILL, at least, over as many runs as that takes. Default 20. */
  readonly kills?: number
  /** Chooses who is met by what, and when. The operating system has its say as well. Default: another one each time. */
  readonly seed?: number
}

/** What a crash test has done, and found: all but the numbers of what was done must be 0. */
export interface CrashReport extends Readonly<Record<Exclude<Fault, 'doubleApplied'>, number>> {
  readonly backfill: string
  readonly seed: number
  /** Disturbed runs, each compared with an uninterrupted one. */
  readonly rounds: number
  readonly kills: number
  readonly cuts: number
  /** Workers that stood still (SIGSTOP) for longer than their lease, and went on. Not on SQLite, whose lock they would keep. */
  readonly suspensions: number
  /** Committed writes of the application. */
  readonly writes: number
  /** Rows compared, over all rounds. */
  readonly rows: number
  /** Rows migrated more than once; null = not known, because no `counter` is named. */
  readonly doubleApplied: number | null
  /** The first rows that differ. */
  readonly differences: readonly Difference[]
}

/** Rounds that may pass without a fault before the table is taken to be too small. */
const emptyRounds = 3
const differencesShown = 20

/**
 * Runs a backfill with several worker processes that are killed by SIGKILL at random, that stand still for longer than their lease, and
 * that lose their connections, while the application goes on writing; then compares each row with what an uninterrupted run
 * makes of it. The table is prepared anew for every run, so it must be one of a throwaway database.
 *
 * @throws AssertionError of node:assert when a row differs; its `actual` is the {@link CrashReport}
 * @throws RowshiftError CRASH_TEST_UNUSABLE when the test cannot tell anything; what the config, the definition or the table is refused with
 */
export async function crashTest<B extends Backfill>(options: CrashTestOptions<B>): Promise<CrashReport> {
  const { name } = definitionOf(options.backfill)
  const {
    seed = randomInt(2 ** 31),
    workers = 4,
    kills = 20,
    writers = [],
    prepare,
    config,
    dataSource,
    counter,
    env = {},
    server,
  } = options
  requireCount(name, 'workers', workers)
  requireCount(name, 'kills', kills)
  const task: CrashTask = { backfill: name, config, dataSource, counter, isCut: false }
  const random = randomFrom(seed)
  const proxy = server && (await new TcpProxy(server).listen())
  const clerk = new Member(task, env)
  const cutTask: CrashTask = { ...task, isCut: proxy !== undefined }
  const crew = new Crew(cutTask, { ...env, ...(proxy && server.env(proxy.port)) }, workers, random)
  try {
    const stage: Stage = { prepare, writers, random, proxy, clerk, crew }
    const report = await playRounds(stage, { ...(options as CrashTestOptions<Backfill>), kills }, seed)
    if (report.differences.length === 0) return report
    throw new AssertionError({
      message: `backfill "${name}" does not survive a crash: ${describe(report)}`,
      actual: report,
      expected: {
        ...report,
        mismatched: 0,
        lostWrites: 0,
        unaccounted: 0,
        doubleApplied: report.doubleApplied === null ? null : 0,
        differences: [],
      },
      operator: 'crashTest',
    })
  } finally {
    await Promise.all([clerk.kill(), crew.disband(), proxy?.close()])
  }
}

async function playRounds(
  stage: Stage,
  { backfill, counter, ignore, kills }: CrashTestOptions<Backfill> & { readonly kills: number },
  seed: number,
) {
  const { name } = backfill
  const ignored = new Set(ignore)
  const prepared = await prepareTables(stage)
  const facts = await stage.clerk.ask('facts')
  requireSameRows(name, facts, ignored, [prepared, await prepareTables(stage)])
  const done = { rounds: 0, kills: 0, cuts: 0, suspensions: 0, writes: 0, rows: 0 }
  const found: Record<Fault, number> = { mismatched: 0, doubleApplied: 0, lostWrites: 0, unaccounted: 0 }
  const differences: Difference[] = []
  for (let empty = 0; done.kills < kills; ) {
    const { faults, committed, contents } = await disturbedRun(stage, facts, kills - done.kills)
    const moments = { prepared, ...(await uninterruptedRun(stage, committed)), actual: contents }
    const differing = differencesOfAll(facts, moments, ignored)
    for (const { fault } of differing) found[fault]++
    differences.push(...differing.slice(0, differencesShown - differences.length))
    done.rounds++
    done.kills += faults.kills
    done.cuts += faults.cuts
    done.suspensions += faults.suspensions
    done.writes += committed.reduce((sum, { length }) => sum + length, 0)
    done.rows += moments.expected.reduce((sum, { length }) => sum + length, 0)
    empty = faults.kills > 0 ? 0 : empty + 1
    if (empty === emptyRounds) {
      throw unusable(
        name,
        'the run is over before anybody can be killed. Prepare more rows, or give the definition a smaller `batchRows` or a `delayMs`.',
      )
    }
  }
  const isKnown = counter !== undefined || facts.tables.some(({ isCreated }) => isCreated)
  const doubleApplied = isKnown ? found.doubleApplied : null
  return { backfill: name, seed, ...done, ...found, doubleApplied, differences }
}

/** Two runs can be compared only if they begin with the same rows. */
function requireSameRows(
  name: string,
  facts: CrashFacts,
  ignored: ReadonlySet<string>,
  [first, second]: readonly [readonly TableContents[], readonly TableContents[]],
): void {
  if (first[0]?.length === 0) throw unusable(name, '`prepare` has made no rows.')
  const moments = { prepared: first, written: first, expected: first, actual: second }
  const [different] = differencesOfAll(facts, moments, ignored)
  if (!different) return
  const where = different.columns.join(', ') || 'the whole row'
  throw unusable(
    name,
    `\`prepare\` has made other rows than before: "${different.table}", key ${JSON.stringify(different.key)} (${where}). Name columns that may differ (times, random values) in \`ignore\`.`,
  )
}

/** All tables at each moment. */
type MomentsOfAll = { readonly [M in keyof Moments]: readonly TableContents[] }

function differencesOfAll(
  { tables }: CrashFacts,
  { prepared, written, expected, actual }: MomentsOfAll,
  ignored: ReadonlySet<string>,
): readonly Difference[] {
  return tables.flatMap((table, i) => {
    const moments = { prepared: prepared[i]!, written: written[i]!, expected: expected[i]!, actual: actual[i]! }
    return differencesOf(table, moments, ignored)
  })
}

function requireCount(name: string, option: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) throw unusable(name, `\`${option}\` must be a whole number from 1 on.`)
}

function describe(report: CrashReport): string {
  const faults = (['doubleApplied', 'lostWrites', 'unaccounted', 'mismatched'] as const).filter(
    (fault) => report[fault],
  )
  const [first] = report.differences
  const where = first
    ? `, the first in "${first.table}" with key ${JSON.stringify(first.key)} (${first.columns.join(', ') || 'the whole row'})`
    : ''
  return `${faults.map((fault) => `${fault} ${report[fault]}`).join(', ')} of ${report.rows} rows${where}. Seed ${report.seed}.`
}

function unusable(name: string, message: string): RowshiftError {
  return new RowshiftError('CRASH_TEST_UNUSABLE', {
    message: `backfill "${name}": ${message}`,
    details: { backfill: name },
  })
}
