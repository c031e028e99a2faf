import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Database, Session } from '../../src/adapters/database.js'
import type { Script } from '../../src/dialects/script.js'

/** One script that a worker is about to run: a page, a batch, a claim. */
interface Turn {
  take(): Promise<void>
}

/** Why nothing comes back from the database any more. */
const neverSettles = new Promise<never>(() => undefined)

/**
 * The database as one worker sees it, each of whose scripts waits until a test lets it happen. So a test decides what comes after
 * what among several workers, and may let one die between any two of its steps.
 */
export class SteppedDatabase {
  readonly database: Database
  readonly #turns: Turn[] = []
  readonly #sessions = new Set<Session>()
  #isDead = false
  /** Conversations with the database that have begun and not ended. */
  #running = 0

  constructor(inner: Database) {
    this.database = { ...inner, connect: (options) => this.#connect(inner, options) }
  }

  get isWaiting(): boolean {
    return this.#turns.length > 0
  }

  /** Lets one of the waiting scripts happen, and the worker go on to its next. */
  async step(choice: number): Promise<void> {
    const [turn] = this.#turns.splice(choice % Math.max(1, this.#turns.length), 1)
    await turn?.take()
    await this.settle()
  }

  /** Until the worker waits for its turn, or has ended. */
  async settle(isEnded: () => boolean = () => false): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) await nextTurn()
    while (!this.isWaiting && !isEnded() && this.#running > 0) await nextTurn()
  }

  /** As SIGKILL does: what was committed stays, what is open is rolled back by the server, and nothing more is sent. */
  async kill(): Promise<void> {
    this.#isDead = true
    this.#turns.length = 0
    for (const session of this.#sessions) await session.release({ discard: true })
  }

  async #connect(inner: Database, options: Parameters<Database['connect']>[0]): Promise<Session> {
    this.#running++
    try {
      const session = await inner.connect(options)
      if (!this.#isDead) return this.#step(session)
      await session.release({ discard: true })
      return await neverSettles
    } finally {
      this.#running--
    }
  }

  #step(session: Session): Session {
    this.#sessions.add(session)
    return {
      isShared: session.isShared,
      run: <T>(script: Script<T>) =>
        new Promise<T>((resolve, reject) => {
          if (this.#isDead) return
          this.#turns.push({
            take: async () => {
              this.#running++
              try {
                const value = await session.run(script)
                if (!this.#isDead) resolve(value)
              } catch (error) {
                if (!this.#isDead) reject(error)
              } finally {
                this.#running--
              }
            },
          })
        }),
      release: async (options) => {
        if (this.#isDead) return neverSettles
        this.#sessions.delete(session)
        await session.release(options)
      },
    }
  }
}
