import type { Database, Session } from '../../adapters/database.js'
import type { SessionSettings } from '../../dialects/dialect.js'
import { batchLimits, firstConnectionMs, secondConnectionMs } from './limits.js'

/** The connections a worker holds: one that writes, and one that reads ahead if the pool has it. */
export interface Connections {
  writer(): Promise<Session>
  /** The writer's own connection when a second one does not come promptly. */
  reader(): Promise<Session>
  /**
   * Throws a connection in doubt away, and no other one: a batch may be under way on it. The next call opens a new one. False =
   * it is not ours to replace.
   */
  discard(session: Session): Promise<boolean>
  release(): Promise<void>
}

interface Held {
  readonly session: Session
  readonly before: SessionSettings
}

/** Connections of the worker's own, from the application's pool. */
export function ownConnections(database: Database): Connections {
  return pooled(database, undefined)
}

/** A migration's connection writes, in transactions of our own; reading ahead uses the pool. */
export function borrowedConnections(database: Database, session: Session): Connections {
  return pooled(database, session)
}

/** Everything on one connection, inside a transaction that belongs to somebody else. */
export async function enclosedConnections(database: Database, session: Session): Promise<Connections> {
  const { dialect } = database
  const before = await session.run(dialect.pinEnclosing())
  return {
    writer: async () => session,
    reader: async () => session,
    discard: async () => false,
    release: () => session.run(dialect.restoreEnclosing(before)).catch(() => undefined),
  }
}

function pooled(database: Database, borrowed: Session | undefined): Connections {
  const { dialect } = database
  let writer: Promise<Held> | undefined
  let reader: Promise<Held | undefined> | undefined

  async function hold(session: Session): Promise<Held> {
    try {
      return { session, before: await session.run(dialect.pinSession(batchLimits)) }
    } catch (error) {
      await session.release({ discard: session !== borrowed })
      throw error
    }
  }

  const openWriter = async () => hold(borrowed ?? (await database.connect({ timeoutMs: firstConnectionMs })))
  const openReader = async () => {
    try {
      return await hold(await database.connect({ timeoutMs: secondConnectionMs }))
    } catch {
      // A pool of one must work: pages are then read between the batches.
      return undefined
    }
  }

  async function giveBack(held: Promise<Held | undefined> | undefined, discard: boolean): Promise<void> {
    const open = await held?.catch(() => undefined)
    if (!open) return
    if (!discard) {
      await open.session.run(dialect.restoreSession(open.before)).catch(() => {
        discard = true
      })
    }
    await open.session.release({ discard })
  }

  const isOn = async (held: Promise<Held | undefined> | undefined, session: Session) =>
    (await held?.catch(() => undefined))?.session === session

  return {
    async writer() {
      writer ??= openWriter()
      try {
        return (await writer).session
      } catch (error) {
        writer = undefined
        throw error
      }
    },
    async reader() {
      const first = await this.writer()
      if (first.isShared) return first
      reader ??= openReader()
      return (await reader)?.session ?? first
    },
    async discard(session) {
      if (session === borrowed) return false
      if (await isOn(writer, session)) {
        const held = writer
        writer = undefined
        await giveBack(held, true)
      } else if (await isOn(reader, session)) {
        const held = reader
        reader = undefined
        await giveBack(held, true)
      }
      return true
    },
    async release() {
      await Promise.all([giveBack(writer, false), giveBack(reader, false)])
      writer = undefined
      reader = undefined
    },
  }
}
