import { type ControlAction, controlRun } from '../../runs/control/run-control.js'
import type { CommandSpec } from '../command.js'
import { asRowshiftError } from '../describe-error.js'
import { exitCodes } from '../exit-codes.js'
import { loadConfig, loadDefinitions, unknownBackfill, withDatabase } from '../load-config.js'
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
    exitCodes: ['0  done', '1  the run is in a status that does not allow it, or there is no run'],
    async run({ name, options, output }) {
      const project = await loadConfig(options)
      return withDatabase(project, async (database) => {
        try {
          const { id, status } = await controlRun(database, name, action)
          return {
            exitCode: exitCodes.done,
            json: { backfill: name, runId: id, status },
            lines: [
              `${headlineOf(output, name, id)} ${outcome}`,
              `${output.paint.dim('Next:')} rowshift ${next(name)}`,
            ],
          }
        } catch (error) {
          if (asRowshiftError(error)?.code !== 'RUN_NOT_FOUND') throw error
          const definitions = await loadDefinitions(project)
          throw definitions.has(name) ? error : unknownBackfill(project, definitions, name)
        }
      })
    },
  }
}
