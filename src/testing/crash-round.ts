import { setTimeout as delay } from 'node:timers/promises'
import type { CrashFacts, TableContents } from './crash-calls.js'
import type { Crew } from './crew.js'
import type { Member } from './member.js'
import type { Random } from './random.js'
import type { TcpProxy } from './tcp-proxy.js'
import { type Writer, Writing, writeAgain } from './writers.js'

/** What the runs of a crash test stand on. */
export interface Stage {
  readonly prepare: () => unknown
  readonly writers: readonly Writer[]
  readonly random: Random
  /** Cuts the workers' connections; undefined = none is cut. */
  readonly proxy: TcpProxy | undefined
  /** Looks after run and table, and is not killed. */
  readonly clerk: Member
  readonly crew: Crew
}

/** The mean of the pauses between two faults. */
const meanPauseMs = 150

/** After so many faults a run is left alone, so that it ends. */
const faultsPerRun = 30

/** Of ten faults on a server that has a proxy. */
const cutsOfTen = 3

/** Longer than a lease. */
const suspendedMs = 6_500

/** The kill after which a worker is suspended: in the midst of a run, which else waits for it at its end. */
const killBeforeSuspension = 3

export interface Faults {
  readonly kills: number
  readonly cuts: number
  readonly suspensions: number
}

/** What a run among faults and writers has come to. */
export interface Disturbed {
  readonly faults: Faults
  /** Writes that the application has committed, by stream. */
  readonly committed: readonly (readonly number[])[]
  readonly contents: readonly TableContents[]
}

/** The tables as they are before a run, with no run at work on them. */
export async function prepareTables({ clerk, prepare }: Stage): Promise<readonly TableContents[]> {
  await clerk.ask('clear')
  await prepare()
  return clerk.ask('contents')
}

/** @throws RowshiftError CRASH_TEST_UNUSABLE, and what stops a worker for good */
export async function disturbedRun(stage: Stage, facts: CrashFacts, mostKills: number): Promise<Disturbed> {
  const { clerk, crew, writers, random } = stage
  await crew.gather()
  await prepareTables(stage)
  await clerk.ask('schedule')
  const ended = crew.work()
  const writing = new Writing(writers, random)
  const faults = await disturb(stage, facts, ended, mostKills)
  await ended
  await writing.stop()
  await crew.leave()
  await clerk.ask('finish')
  return { faults, committed: writing.committed, contents: await clerk.ask('contents') }
}

/** Faults at random moments, until the run has ended. */
async function disturb(
  { crew, proxy, random }: Stage,
  { locksWholeDatabase }: CrashFacts,
  ended: Promise<void>,
  mostKills: number,
): Promise<Faults> {
  const faults = { kills: 0, cuts: 0, suspensions: 0 }
  let isOver = false
  const over = ended
    .catch(() => undefined)
    .then(() => {
      isOver = true
    })
  // Whoever stands still there with the only lock would keep all others out. Windows has no signal for it.
  const canSuspend = !locksWholeDatabase && process.platform !== 'win32'
  let waking: NodeJS.Timeout | undefined
  while (faults.kills < mostKills && faults.kills + faults.cuts < faultsPerRun) {
    await Promise.race([delay(2 * meanPauseMs * random()), over])
    if (isOver) break
    if (proxy && 10 * random() < cutsOfTen) {
      if (proxy.cut() > 0) faults.cuts++
    } else if (await crew.killOne()) {
      faults.kills++
    }
    if (canSuspend && faults.kills >= killBeforeSuspension && faults.suspensions === 0 && crew.suspendOne()) {
      faults.suspensions++
      waking = setTimeout(() => crew.wake(), suspendedMs)
    }
  }
  await over
  clearTimeout(waking)
  return faults
}

/** As it must be: the same writes, `written`, then a run that nobody disturbs. */
export async function uninterruptedRun(
  stage: Stage,
  committed: readonly (readonly number[])[],
): Promise<{ readonly written: readonly TableContents[]; readonly expected: readonly TableContents[] }> {
  const { clerk, writers } = stage
  await prepareTables(stage)
  await writeAgain(writers, committed)
  const written = await clerk.ask('contents')
  await clerk.ask('schedule')
  await clerk.ask('finish')
  return { written, expected: await clerk.ask('contents') }
}
