import type { Cities } from './cities.js'
import type { Exit, Shell } from './shell.js'

/** What the story of one ORM has of its own. */
export interface Edition {
  /** Runs what is typed in the application's folder. */
  readonly shell: Shell
  /** Applies the migrations of version 1.0.0, and no other. */
  readonly first: string
  /** Applies what is pending, up to a gate that is shut. */
  readonly migrate: string
  /** How `migrate` ends where a gate is shut. */
  readonly gateCode: number
  /** Shows that the tables are as the code says; undefined where nothing can. */
  readonly check: string | undefined
  /** What is worth telling of what `migrate` said. */
  tell(exit: Exit): readonly string[]
  /** Connects the application to its table, once it is there. */
  connect(): Promise<Cities>
  /** What the reader should know before the story begins. */
  readonly preface: readonly string[]
  close(): Promise<void>
}
