import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { geohash } from '../src/geohash.js'
import { searchName } from '../src/text.js'
import type { Cities } from './cities.js'

/** What somebody changed while the backfill was at work. */
export interface ApplicationWrite {
  readonly id: number
  readonly column: 'population' | 'slug' | 'name'
  readonly value: number | string
}

/** A pause between two writes. */
const pauseMs = 20

/**
 * The application goes on, through its ORM, while its table is migrated. It writes to the very cities that the worker is about
 * to read or write, where an update is most easily lost.
 */
export class Application {
  /** All that it has written, in order. */
  readonly writes: ApplicationWrite[] = []

  /** All cities before this one are migrated. */
  #place = 1
  #isStopped = false
  #working: Promise<void> = Promise.resolve()

  constructor(private readonly cities: Cities) {}

  start(): void {
    this.#working = this.#work()
    // What stops it is told by `stop`.
    this.#working.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#working
  }

  async #work(): Promise<void> {
    for (let n = 1; !this.#isStopped; n++) {
      const id = await this.#nearTheWorker()
      switch (n % 4) {
        case 0:
          await this.#count(id)
          break
        case 1:
          await this.#move(id, `moved-${n}`)
          break
        case 2:
          await this.#rename(id, `New Town ${n}`)
          break
        case 3:
          await this.#renameTheOldWay(id, `Old Town ${n}`)
          break
      }
      await sleep(pauseMs)
    }
  }

  /** One of the next cities to be migrated. */
  async #nearTheWorker(): Promise<number> {
    this.#place = (await this.cities.nextToMigrate(this.#place)) ?? this.#place
    return this.#place + randomInt(1000)
  }

  /** A census: a column that no backfill knows. */
  async #count(id: number): Promise<void> {
    const population = randomInt(10_000_000)
    const isDone = await this.cities.update(id, { population })
    if (isDone) this.writes.push({ id, column: 'population', value: population })
  }

  /** A new address: a column that an earlier backfill has filled. */
  async #move(id: number, slug: string): Promise<void> {
    const isDone = await this.cities.update(id, { slug })
    if (isDone) this.writes.push({ id, column: 'slug', value: slug })
  }

  /** A new name, by version 3.0.0, which fills the new columns itself. */
  async #rename(id: number, name: string): Promise<void> {
    const city = await this.cities.find(id)
    if (!city) return
    await this.cities.update(id, {
      name,
      searchName: searchName(name, city.country),
      geohash: geohash(city.lat, city.lng),
    })
    this.writes.push({ id, column: 'name', value: name })
  }

  /** A new name, by an instance of the version before that still runs. It knows no search name: the backfill must see the new name. */
  async #renameTheOldWay(id: number, name: string): Promise<void> {
    const isDone = await this.cities.renameUnmigrated(id, name)
    if (isDone) this.writes.push({ id, column: 'name', value: name })
  }
}
