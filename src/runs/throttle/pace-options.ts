import type { Database, DatabaseSource } from '../../adapters/database.js'
import { didYouMean } from '../../backfill/definition/nearest.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { customThrottle, type ThrottleFunction } from './custom.js'
import { databaseLoad } from './database-load.js'
import { freeMemory } from './memory.js'
import { lagByPrimary, lagByReplicas } from './replication-lag.js'
import { RowBudget } from './row-budget.js'
import { milliseconds, type Throttle } from './throttle.js'
import { Throttles, type Time } from './throttles.js'
import { parseWindow, timeWindows, WallClock, type Window } from './window.js'

/**
 * How hard workers may press the database, and when they wait. Whatever cannot be measured counts as a reason to wait. While a run waits
 * it is `postponed`, and says why.
 */
export interface PaceOptions {
  /** How long a batch may burden the database, in milliseconds, round trips to it left out. Batches shrink and grow to it. Default 200. */
  readonly targetMs?: number
  /** Wait while a replica is further behind than so many milliseconds. Default: not asked. */
  readonly maxReplicaLagMs?: number
  /** The replicas to ask, on MySQL and MariaDB: `[typeorm('./src/replica.ts')]`. On PostgreSQL the primary knows them. */
  readonly replicas?: readonly DatabaseSource[]
  /** Wait while more connections than this are executing statements. Default: not asked. */
  readonly maxActiveConnections?: number
  /** Wait while a transaction of anybody else has been open for longer, in milliseconds. Default: not asked. */
  readonly maxTransactionMs?: number
  /** Wait while more statements than this wait for locks. Default: not asked. */
  readonly maxLockWaits?: number
  /** Wait while the machine, or the container, has less memory left, in mebibytes. Default: not asked. */
  readonly minFreeMemoryMiB?: number
  /** Your own reason to wait: a text (the reason) or `true`; nothing or `false` goes on. What it throws is a reason to wait. */
  readonly throttle?: ThrottleFunction
  /** Work only at these times of the day: `['22:00-06:00']`. Default: always. */
  readonly windows?: readonly string[]
  /** Rows written a day, at most, over all runs and workers. Default: no limit. */
  readonly rowsPerDay?: number
  /** The zone of `windows` and of the day of `rowsPerDay`: `'Europe/Berlin'`. Default `'UTC'`. */
  readonly timeZone?: string
  /** How often all this is asked, in milliseconds. Default 5000. */
  readonly checkEveryMs?: number
}

/** How long a batch may burden the database: short enough that an application hardly notices its locks. */
export const defaultTargetMs = 200

const defaultCheckEveryMs = 5_000

/** Whole numbers, and the least each may be. */
const numbers = {
  targetMs: 1,
  maxReplicaLagMs: 0,
  maxActiveConnections: 0,
  maxTransactionMs: 1,
  maxLockWaits: 0,
  minFreeMemoryMiB: 1,
  rowsPerDay: 1,
  checkEveryMs: 100,
} as const satisfies Partial<Record<keyof PaceOptions, number>>

const known = [...Object.keys(numbers), 'replicas', 'throttle', 'windows', 'timeZone']

/** What can be told of the options without a database. @throws RowshiftError INVALID_CONFIG */
export function checkPace(input: unknown): PaceOptions {
  if (typeof input !== 'object' || input === null) refuse('pace', 'must be an object, such as { targetMs: 200 }')
  const pace = input as Readonly<Record<string, unknown>>
  for (const option of Object.keys(pace)) {
    if (!known.includes(option)) refuse(`pace.${option}`, `is no option. ${didYouMean(option, known)}`)
  }
  for (const [option, least] of Object.entries(numbers)) {
    const value = pace[option]
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= least)) continue
    refuse(`pace.${option}`, `must be an integer from ${least}`)
  }
  const { throttle, windows, timeZone, replicas, maxReplicaLagMs } = pace
  if (throttle !== undefined && typeof throttle !== 'function') {
    refuse('pace.throttle', 'must be a function that returns a reason to wait, or nothing')
  }
  if (timeZone !== undefined && (typeof timeZone !== 'string' || !isTimeZone(timeZone))) {
    refuse('pace.timeZone', `must be a time zone such as 'Europe/Berlin'`)
  }
  if (windows !== undefined) windowsOf(windows)
  if (replicas !== undefined) {
    const isList = Array.isArray(replicas) && replicas.length > 0 && replicas.every((one) => one?.open)
    if (!isList) refuse('pace.replicas', `must be a list such as [typeorm('./src/replica.ts')]`)
    if (maxReplicaLagMs === undefined) refuse('pace.replicas', 'needs `maxReplicaLagMs`: how far they may be behind')
  }
  return pace as PaceOptions
}

function isTimeZone(zone: string): boolean {
  try {
    new WallClock(zone)
    return true
  } catch {
    return false
  }
}

function windowsOf(texts: unknown): readonly Window[] {
  const windows = Array.isArray(texts) ? texts.map((text) => parseWindow(String(text))) : []
  const isAll = windows.length > 0 && windows.every((window) => window !== undefined)
  return isAll ? windows : refuse('pace.windows', `must be a list of times of the day such as ['22:00-06:00']`)
}

/**
 * The throttles that the options ask for on this database.
 * @throws RowshiftError INVALID_CONFIG for what the database cannot be asked
 */
export function openThrottles(database: Database, pace: PaceOptions, time?: Time): Throttles {
  const { dialect, stateNames } = database
  const { health } = dialect
  const throttles: Throttle[] = []
  const clock = new WallClock(pace.timeZone ?? 'UTC')
  const unable = (option: string): never => refuse(`pace.${option}`, `cannot be asked of ${dialect.name}: leave it out`)

  // The cheapest first; windows are open or shut whatever the database says.
  if (pace.windows) throttles.push(timeWindows(windowsOf(pace.windows), clock, pace.windows))
  if (pace.minFreeMemoryMiB !== undefined) throttles.push(freeMemory(pace.minFreeMemoryMiB))
  if (pace.throttle) throttles.push(customThrottle(pace.throttle))
  if (pace.maxReplicaLagMs !== undefined) throttles.push(lagThrottle(database, pace, pace.maxReplicaLagMs))
  if (pace.maxActiveConnections !== undefined) {
    const measure = health.activeConnections ?? unable('maxActiveConnections')
    throttles.push(databaseLoad('active connections', measure, pace.maxActiveConnections))
  }
  if (pace.maxTransactionMs !== undefined) {
    const measure = health.oldestTransactionMs ?? unable('maxTransactionMs')
    throttles.push(databaseLoad('oldest transaction', measure, pace.maxTransactionMs, milliseconds))
  }
  if (pace.maxLockWaits !== undefined) {
    throttles.push(databaseLoad('lock waits', health.lockWaits ?? unable('maxLockWaits'), pace.maxLockWaits))
  }
  const budget =
    pace.rowsPerDay === undefined
      ? undefined
      : new RowBudget(pace.rowsPerDay, clock, (...rows) => dialect.state.takeRows(stateNames, ...rows))
  return new Throttles(throttles, budget, pace.checkEveryMs ?? defaultCheckEveryMs, time)
}

function lagThrottle({ dialect }: Database, { replicas }: PaceOptions, maxMs: number): Throttle {
  const lag = dialect.health.replicaLagMs
  if (!lag) return refuse('pace.maxReplicaLagMs', `cannot be asked of ${dialect.name}: leave it out`)
  if (lag.askedOf === 'primary') {
    if (replicas)
      refuse('pace.replicas', `is not needed on ${dialect.name}, whose primary knows its replicas: leave it out`)
    return lagByPrimary(lag, maxMs)
  }
  if (!replicas) {
    return refuse(
      'pace.replicas',
      `is missing: on ${dialect.name} each replica is asked itself. List them: [typeorm('./src/replica.ts')]`,
    )
  }
  return lagByReplicas(replicas, maxMs)
}

function refuse(option: string, problem: string): never {
  throw new RowshiftError('INVALID_CONFIG', { message: `\`${option}\` ${problem}.`, details: { option } })
}
