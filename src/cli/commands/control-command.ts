import type { Database } from '../../adapters/database.js'
import type { Sequence } from '../../backfill/definition/sequence.js'
import { type ControlAction, controlRun } from '../../runs/control/run-control.js'
import type { CommandSpec } from '../command.js'
import { asRowshiftError } from '../describe-error.js'
import { membersOf } from '../each-member.js'
import { exitCodes } from '../exit-codes.js'
import { loadConfig, loadDefinitions, noRunOf, withDatabase } from '../load-config.js'
import type { Answer, Output } from '../output.js'
import { headlineOf } from '../run-view.js'

/** The words of a command that changes the status of a run. */
export type ControlWords = Pick<CommandSpec, 'summary' | 'description' | 'examples'> & {
  /** What holds afterwards: `is paused: ...` */
  readonly outcome: string
  /** What to call next. */
  readonly next: (name: string) => string
}

/**
 * `pause`, `resume` and `cancel`. The definitions are not loaded: in an emergency a file that does not compile must not keep
 * anybody from pausing a run.
 */
export function controlCommand(action: ControlAction, words: ControlWords): CommandSpec {
  const { outcome, next, ...help } = words
  return {
    ...help,
    usage: `${action} <name>`,
    tenants: 'all',
    exitCodes: ['0  done', '1  the run is in a status that does not allow it, or there is no run'],
    async run(call) {
      const project = await loadConfig(call.options)
      return withDatabase(project, async (database) => {
        try {
          return await control(database, call.name, call.output)
        } catch (error) {
          if (asRowshiftError(error)?.code !== 'RUN_NOT_FOUND') throw error
          const sequence = (await loadDefinitions(project)).sequences.get(call.name)
          if (sequence) return controlSequence(database, sequence, call.output)
          throw await noRunOf(project, call.name, error)
        }
      })
    },
  }

  async function control(database: Database, name: string, output: Output): Promise<Answer> {
    const { id, status } = await controlRun(database, name, action)
    return {
      exitCode: exitCodes.done,
      json: { backfill: name, runId: id, status },
      lines: [`${headlineOf(output, name, id)} ${outcome}`, `${output.paint.dim('Next:')} rowshift ${next(name)}`],
    }
  }

  /** All runs of a sequence that it can be done to: one that is paused already must not keep the next one from being paused. */
  async function controlSequence(database: Database, sequence: Sequence, output: Output): Promise<Answer> {
    const answers: Answer[] = []
    const errors: unknown[] = []
    for (const name of membersOf(sequence)) {
      try {
        answers.push(await control(database, name, output))
      } catch (error) {
        if (!unable.has(asRowshiftError(error)?.code)) throw error
        errors.push(error)
      }
    }
    if (answers.length === 0) throw errors[0]
    return {
      exitCode: exitCodes.done,
      json: { sequence: sequence.name, backfills: answers.map(({ json }) => json) },
      lines: answers.flatMap(({ lines }) => lines),
    }
  }
}

const unable: ReadonlySet<unknown> = new Set(['RUN_NOT_FOUND', 'RUN_TRANSITION'])
