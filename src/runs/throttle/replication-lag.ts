import type { Database, DatabaseSource, Session } from '../../adapters/database.js'
import type { Health } from '../../dialects/health.js'
import { heldAbove, milliseconds, type Throttle, unmeasured } from './throttle.js'

const name = 'replication lag'

/** A replica that gives no connection by then is not to be relied on. */
const connectionMs = 5_000

type LagMeasure = NonNullable<Health['replicaLagMs']>

/** Waits while a replica is behind, as the primary knows. */
export function lagByPrimary({ measure }: LagMeasure, maxMs: number): Throttle {
  return { name, look: async (place) => heldAbove(name, await place.ask(measure()), maxMs, milliseconds) }
}

interface Open {
  readonly database: Database
  readonly session: Session
}

/** Waits while one of the replicas is behind, as each knows of itself; each has a connection of its own, held. */
export function lagByReplicas(sources: readonly DatabaseSource[], maxMs: number): Throttle {
  const open = new Map<DatabaseSource, Open>()

  async function connect(source: DatabaseSource): Promise<Open> {
    const database = await source.open()
    try {
      const { replicaLagMs } = database.dialect.health
      if (replicaLagMs?.askedOf !== 'replica') throw new Error(`${database.label} is no replica that can be asked`)
      return { database, session: await database.connect({ timeoutMs: connectionMs }) }
    } catch (error) {
      await database.close()
      throw error
    }
  }

  async function forget(source: DatabaseSource): Promise<void> {
    const found = open.get(source)
    open.delete(source)
    await found?.session.release({ discard: true })
    await found?.database.close().catch(() => undefined)
  }

  async function lookAt(source: DatabaseSource) {
    try {
      const replica = open.get(source) ?? (await connect(source))
      open.set(source, replica)
      const { database, session } = replica
      const measured = await session.run(database.dialect.health.replicaLagMs!.measure())
      const held = heldAbove(name, measured, maxMs, milliseconds)
      return held && { ...held, reason: `${held.reason} (${database.label})` }
    } catch (error) {
      await forget(source)
      throw error
    }
  }

  return {
    name,
    async look() {
      for (const [i, source] of sources.entries()) {
        try {
          const held = await lookAt(source)
          if (held) return held
        } catch (error) {
          return { reason: unmeasured(name, `replica ${i + 1}: ${(error as Error).message}`) }
        }
      }
      return undefined
    },
    async close() {
      for (const source of sources) await forget(source)
    },
  }
}
