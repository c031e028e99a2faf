import {
  type Backfill,
  createWorker,
  type DatabaseSource,
  defineBackfill,
  type RunResult,
  sql,
  type WorkerEvent,
} from 'rowshift'
import { prisma } from 'rowshift/prisma'
import { schedule, typeorm } from 'rowshift/typeorm'
import type { Arena, Peer } from '../arena.js'
import { slugOf, slugSql } from '../city-table.js'
import { adapterOf } from './prisma.js'

/** Guard, checkpoint, failures, sweep and verification on: nothing is turned off for a measurement. */
export const transformed = (batchRows?: number) =>
  defineBackfill({
    name: 'city.slug',
    table: 'city',
    select: { name: 'text' },
    write: { slug: 'text?' },
    where: { slug: null },
    batchRows,
    transform: (row) => ({ slug: slugOf(row.name) }),
  })

export const pushedDown = (batchRows?: number) =>
  defineBackfill.sql({
    name: 'city.slug',
    table: 'city',
    set: { slug: sql.raw(slugSql) },
    where: { slug: null },
    batchRows,
  })

/** Schedules a run and lets a worker do it. */
export async function runToEnd(
  arena: Arena,
  backfill: Backfill,
  {
    source = typeorm(arena.dataSource),
    onEvent,
  }: { readonly source?: DatabaseSource; readonly onEvent?: (event: WorkerEvent) => void } = {},
): Promise<void> {
  let result: RunResult | undefined
  await using worker = createWorker({
    database: source,
    backfills: [backfill],
    onEvent(event) {
      if (event.type === 'ended') result = event.result
      onEvent?.(event)
    },
  })
  await worker.start()
  await worker.untilIdle()
  if (result?.status !== 'completed') throw new Error(`the run did not complete: ${JSON.stringify(result)}`)
}

export async function scheduleRun({ dataSource }: Arena, backfill: Backfill): Promise<void> {
  const runner = dataSource.createQueryRunner()
  await schedule(runner, backfill).finally(() => runner.release())
}

export function peer(
  name: string,
  define: (batchRows: number) => Backfill,
  source?: (arena: Arena) => DatabaseSource,
): Peer {
  return {
    name,
    async prepare(arena) {
      const backfill = define(arena.batchRows)
      await scheduleRun(arena, backfill)
      return { run: () => runToEnd(arena, backfill, { source: source?.(arena) }) }
    },
  }
}

export const rowshift = peer('rowshift', transformed)
export const rowshiftSql = peer('rowshift, SQL form', pushedDown)
export const rowshiftPrisma = peer('rowshift through Prisma', transformed, ({ database }) =>
  prisma(adapterOf(database)),
)
