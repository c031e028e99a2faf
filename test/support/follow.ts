import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DataSource } from 'typeorm'
import { type Backfill, defineBackfill } from '../../src/index.js'
import { bySql } from './by-sql.js'
import type { DatabaseName } from './test-database.js'

export const slugOf = (name: string): string => `${name.toLowerCase()}!`

const slug = {
  name: 'city.slug',
  table: 'city',
  select: { name: 'text' },
  write: { slug: 'text?' },
  follow: true,
  batchRows: 20,
  journal: true,
  reverse: { set: { slug: null } },
} as const

/** `city.slug` that is kept true while others go on writing names. */
export const followedSlug = defineBackfill({ ...slug, transform: (row) => ({ slug: slugOf(row.name) }) })

/** The same for rows without a slug, and what it is to be called for. */
export function followedSlugWhereNull(onName: (name: string) => void | Promise<void> = () => undefined): Backfill {
  return defineBackfill({
    ...slug,
    where: { slug: null },
    async transform(row) {
      await onName(row.name)
      return { slug: slugOf(row.name) }
    },
  })
}

/** Another one on the same table. */
export const followedTouched = defineBackfill({
  name: 'city.touched',
  table: 'city',
  select: { name: 'text' },
  write: { touched: 'integer' },
  follow: true,
  transform: (row) => ({ touched: row.name.length }),
})

/** Names of the triggers and functions that are left of any follower, and how many notes. */
export async function tracesOf(dataSource: DataSource, name: DatabaseName): Promise<readonly string[]> {
  const rows: { name: string }[] = await dataSource.query(
    bySql(name, {
      sqlite: `select name from sqlite_master where type = 'trigger'`,
      postgres: `select tgname::text as name from pg_trigger where not tgisinternal
        union all select proname from pg_proc where proname like 'rowshift%'`,
      mariadb: `select trigger_name as name from information_schema.triggers where trigger_schema = database()`,
    }),
  )
  const [{ n }] = await dataSource.query('select count(*) as n from rowshift_change')
  return [...rows.map((row) => row.name), ...(Number(n) > 0 ? [`${n} notes`] : [])]
}

/** Rows whose slug is not what the transform makes of them. */
export async function staleCities(
  dataSource: Pick<DataSource, 'query'>,
): Promise<readonly { id: number; name: string; slug: string }[]> {
  const rows: { id: number; name: string; slug: string }[] = await dataSource.query(
    'select id, name, slug from city order by id',
  )
  return rows.filter((row) => row.slug !== slugOf(row.name))
}

/**
 * The application's old code: it renames cities and inserts new ones, one after another, and knows nothing of slugs. A write that
 * finds the database locked is tried again.
 */
export class OldWriter {
  #isStopped = false
  #writing: Promise<void> = Promise.resolve()
  #written = 0
  /** The city of the write that is under way. */
  current: number | undefined

  constructor(
    private readonly dataSource: DataSource,
    private readonly rows: number,
  ) {}

  get written(): number {
    return this.#written
  }

  start(): void {
    this.#writing = this.#write()
  }

  /** The write under way is the last; the city it is about. */
  halt(): number | undefined {
    this.#isStopped = true
    return this.current
  }

  async stop(): Promise<void> {
    this.halt()
    await this.#writing
  }

  /** Resolves when so many further writes were committed. */
  async after(writes: number): Promise<void> {
    const goal = this.#written + writes
    while (this.#written < goal) await nextTurn()
  }

  async #write(): Promise<void> {
    for (let i = 1; !this.#isStopped; i++) {
      const isNew = i % 3 === 0
      this.current = isNew ? this.rows + i : 1 + ((i * 7) % this.rows)
      const query = isNew
        ? `insert into city (id, name) values (${this.current}, 'New ${i}')`
        : `update city set name = 'Renamed ${i}' where id = ${this.current}`
      while (!(await this.#isWritten(query))) {
        if (this.#isStopped) return
        await nextTurn()
      }
      this.#written++
      this.current = undefined
      await nextTurn()
    }
  }

  async #isWritten(query: string): Promise<boolean> {
    try {
      await this.dataSource.query(query)
      return true
    } catch (error) {
      if (/locked|lock wait|deadlock/i.test(String(error))) return false
      throw error
    }
  }
}
