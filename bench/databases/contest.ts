import type { DataSource } from 'typeorm'
import { type Arena, median, type Peer } from './arena.js'
import { type Course, slugs } from './courses.js'

/** How a peer did. */
export interface Score {
  readonly peer: string
  /** Rows of the table that it worked on. */
  readonly rows: number
  /** Median of the rounds. */
  readonly rowsPerSecond: number
}

/** rowshift's tables, in an order that foreign keys allow. */
const stateTables = ['change', 'budget', 'journal', 'failure', 'checkpoint', 'run', 'schema_version']

async function dropState(dataSource: DataSource): Promise<void> {
  for (const table of stateTables) await dataSource.query(`drop table if exists rowshift_${table}`)
}

/** Tables that nothing has been done to, and no run. */
export async function fresh(arena: Arena, course: Course = slugs): Promise<void> {
  await dropState(arena.dataSource)
  await course.lay(arena)
}

/** One peer on fresh tables; its result is verified. Returns the seconds it took. */
async function compete(arena: Arena, { name, prepare }: Peer, course: Course): Promise<number> {
  await fresh(arena, course)
  const { run, close } = await prepare(arena)
  try {
    const startedAt = performance.now()
    await run()
    const seconds = (performance.now() - startedAt) / 1_000
    await course.require(arena, name)
    return seconds
  } finally {
    await close?.()
  }
}

/** Peers in turn, round after round, so that a disturbance meets all of them. */
export async function contest(arena: Arena, peers: readonly Peer[], rounds: number, course = slugs): Promise<Score[]> {
  const seconds = new Map<Peer, number[]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++)
    for (const peer of peers) seconds.get(peer)!.push(await compete(arena, peer, course))
  return peers.map((peer) => ({
    peer: peer.name,
    rows: arena.rows,
    rowsPerSecond: Math.round(arena.rows / median(seconds.get(peer)!)),
  }))
}
