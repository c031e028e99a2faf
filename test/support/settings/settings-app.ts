import type { DataSource } from 'typeorm'
import { defineVersions, json } from '../../../src/index.js'
import type { UpgradeOnReadOptions } from '../../../src/schema-version/upgrade-on-read.js'

type OldTheme = { dark: boolean }
export type Theme = { theme: 'dark' | 'light' }

export const settings = defineVersions('Settings')
  .version('1.0.0', { id: 'integer', label: 'text', options: json<OldTheme>() })
  .version(
    '2.0.0',
    { id: 'integer', label: 'text', options: json<Theme>() },
    {
      upgrade: ({ label, options }) => ({ label: label.trim(), options: { theme: options.dark ? 'dark' : 'light' } }),
    },
  )

export interface Row {
  readonly id: number
  readonly label: string
  readonly options?: Theme
  readonly v: string | null
}

/** An application with rows that carry their version, through one ORM or the other. */
export interface App {
  /** As it is in the table. */
  stored(id: number): Promise<{ label: string; options: unknown; v: string | null }>
  query(sql: string): Promise<unknown>
  all(): Promise<readonly Row[]>
  one(id: number): Promise<Row | null>
  labelOf(id: number): Promise<Row | null>
  ofOwner(): Promise<readonly Row[]>
  rename(id: number, label: string): Promise<unknown>
  insert(row: Omit<Row, 'v'>): Promise<unknown>
}

export interface Surroundings extends UpgradeOnReadOptions {
  readonly warnings?: string[]
  /** What happens before an upgraded row is written back. */
  readonly beforeWrite?: () => Promise<unknown>
}

export const storedIn = (dataSource: DataSource) => async (id: number) => {
  const [row] = await dataSource.query(`SELECT label, options, row_version AS v FROM settings WHERE id = ${id}`)
  return { ...row, options: typeof row.options === 'string' ? JSON.parse(row.options) : row.options }
}
