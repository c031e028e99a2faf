import type { Command } from 'commander'
import type { Project } from './load-config.js'
import type { Answer, Output } from './output.js'

/** What every command can be told. */
export interface CommonOptions {
  /** Path of the config file; undefined = the first found from here upward. */
  readonly config: string | undefined
  /** Which of the config's data sources; undefined = it has one only. */
  readonly dataSource: string | undefined
  /** Which of the config's tenants. */
  readonly tenant?: string | undefined
  /** The command is carried out for every tenant of the config. */
  readonly eachTenant?: boolean
  /** The configuration, where it is loaded already: one tenant of several. */
  readonly project?: Project
  readonly json?: boolean
}

/** A command that was called. */
export interface Call<Options = unknown> {
  /** The backfill it is about; empty for commands that are about all. */
  readonly name: string
  /** What follows the name, where the usage takes more: `<setting...>`. */
  readonly rest: readonly string[]
  readonly options: CommonOptions & Options
  readonly output: Output
}

/** A command of `rowshift`: its words, and what it does. It parses, asks `runs`, and answers; policy is in `runs`. */
export interface CommandSpec<Options = unknown> {
  /** As commander reads it: `run <name>`. */
  readonly usage: string
  /** One line, for the list of commands. */
  readonly summary: string
  readonly description: string
  /** Calls and what they do, shown after the options. */
  readonly examples: readonly (readonly [call: string, effect: string])[]
  /** What its exit codes mean, where that is more than for all. */
  readonly exitCodes?: readonly string[]
  /**
   * What `--each-tenant` does: `carefully` for what writes rows, the canary ahead and failures counted; `all` for what does not. Absent: it
   * has no such option.
   */
  readonly tenants?: 'carefully' | 'all'
  /** Adds options of its own. */
  readonly options?: (command: Command) => Command
  readonly run: (call: Call<Options>) => Promise<Answer>
}
