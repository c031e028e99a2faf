import { didYouMean } from '../../backfill/definition/nearest.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type PaceChange, setPace } from '../../runs/control/set-pace.js'
import type { CommandSpec } from '../command.js'
import { asRowshiftError } from '../describe-error.js'
import { exitCodes } from '../exit-codes.js'
import { loadConfig, noRunOf, withDatabase } from '../load-config.js'
import { headlineOf } from '../run-view.js'

/** What can be set: how it is called in a run's row, and the numbers it may be. */
const settings = {
  'batch-rows': { option: 'batchRows', from: 1, to: 100_000 },
  'delay-ms': { option: 'delayMs', from: 0, to: 86_400_000 },
  'target-ms': { option: 'targetMs', from: 1, to: 60_000 },
} as const

type Setting = keyof typeof settings

export const set: CommandSpec = {
  usage: 'set <name> <setting...>',
  summary: 'change the pace of a run while it goes on',
  description: `Changes how hard the run of a backfill presses the database, whoever works on it and wherever: each worker takes the values with its
next batch. They stay with the run; \`default\` takes one back, to what the definition and the configuration say.

  batch-rows   rows of a batch, at most (1 to 100000)
  delay-ms     rest after each batch that wrote, in milliseconds
  target-ms    how long a batch may burden the database, in milliseconds`,
  examples: [
    ['rowshift set city.slug delay-ms=200', 'rest for 200 ms after each batch'],
    ['rowshift set city.slug batch-rows=500 target-ms=100', 'smaller batches'],
    ['rowshift set city.slug batch-rows=default', 'as the definition says'],
  ],
  tenants: 'all',
  exitCodes: ['0  set', '1  there is no run', '2  there is no such setting, or no such value'],
  async run({ name, rest, options, output }) {
    const change = Object.assign({}, ...rest.map(parse)) as PaceChange
    const project = await loadConfig(options)
    return withDatabase(project, async (database) => {
      const run = await setPace(database, name, change).catch(async (error) => {
        throw asRowshiftError(error)?.code === 'RUN_NOT_FOUND' ? await noRunOf(project, name, error) : error
      })
      const pace = Object.entries(settings).map(([setting, { option }]) => `${setting} ${run[option] ?? 'default'}`)
      return {
        exitCode: exitCodes.done,
        json: {
          backfill: name,
          runId: run.id,
          batchRows: run.batchRows ?? null,
          delayMs: run.delayMs ?? null,
          targetMs: run.targetMs ?? null,
        },
        lines: [`${headlineOf(output, name, run.id)} · ${pace.join(' · ')}`],
      }
    })
  },
}

/** `delay-ms=200` */
function parse(text: string): PaceChange {
  const [setting = '', value = ''] = text.split('=', 2)
  if (!Object.hasOwn(settings, setting)) {
    throw usage(`there is no setting "${setting}". ${didYouMean(setting, Object.keys(settings))}`)
  }
  const { option, from, to } = settings[setting as Setting]
  if (value === 'default') return { [option]: null }
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= from && number <= to) return { [option]: number }
  throw usage(`\`${setting}\` must be an integer from ${from} to ${to}, or \`default\`: ${setting}=${from}`)
}

const usage = (message: string) =>
  new RowshiftError('INVALID_USAGE', { message: `${message} See \`rowshift set --help\`.` })
