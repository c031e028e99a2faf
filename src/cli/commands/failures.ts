import { InvalidArgumentError } from 'commander'
import { type FailureReport, readFailures } from '../../runs/read-status.js'
import type { CommandSpec } from '../command.js'
import { forEachMember, membersOf } from '../each-member.js'
import { exitCodes } from '../exit-codes.js'
import { columns, count, counted, key } from '../format.js'
import { goOn, isUndo } from '../go-on.js'
import { loadConfig, loadDefinitions, unknownBackfill, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'
import { headlineOf } from '../run-view.js'

const defaultLimit = 20

export const failures: CommandSpec<{ readonly limit: number }> = {
  usage: 'failures <name>',
  summary: 'list the rows that could not be migrated, and why',
  description: `Lists the rows of a backfill's latest run that could not be migrated, by reason: the key, the error and how often it was tried.
Contents of rows are never shown: look them up by their keys. After the cause is mended, \`rowshift replay <name>\` tries them
again.

State "failed" waits for that; state "conflict" is a row that somebody changed meanwhile, which the run reads again by itself.`,
  examples: [
    ['rowshift failures city.slug', 'the first 20, and how many more'],
    ['rowshift failures city.slug --limit 1000 --json', 'for a script'],
  ],
  tenants: 'all',
  exitCodes: ['0  listed, or there are none'],
  options: (command) =>
    command.option('-n, --limit <rows>', 'how many rows to list at most', positiveInteger, defaultLimit),
  async run(call) {
    const { name, options, output } = call
    const project = await loadConfig(options)
    return withDatabase(project, async (database) => {
      const report = await readFailures(database, name, { limit: options.limit })
      if (!report.run) {
        const definitions = await loadDefinitions(project)
        const sequence = definitions.sequences.get(name)
        if (sequence) return forEachMember(failures, call, sequence, { members: membersOf(sequence) })
        if (!definitions.has(name)) throw unknownBackfill(project, definitions, name)
      }
      return { exitCode: exitCodes.done, json: documentOf(name, report), lines: linesOf(name, report, output) }
    })
  },
}

function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1.')
  return value
}

function documentOf(name: string, { run, counts, failures: listed }: FailureReport) {
  return {
    backfill: name,
    runId: run?.id ?? null,
    status: run?.status ?? null,
    total: totalOf(counts),
    counts,
    failures: listed.map((row) => ({
      key: JSON.parse(row.key) as readonly string[],
      state: row.state,
      code: row.code,
      step: row.step,
      message: row.message,
      attempts: row.attempts,
      at: row.at,
    })),
  }
}

function linesOf(name: string, { run, counts, failures: listed }: FailureReport, output: Output): readonly string[] {
  const { paint } = output
  if (!run) return [`${name} has never been run.`, `${paint.dim('Next:')} rowshift run ${name}`]
  const total = totalOf(counts)
  const headline = `${headlineOf(output, name, run.id)} · ${run.status}`
  if (total === 0) return [`${headline} · no failures`]
  const groups = counts.flatMap(({ code, state, step, rows }) => [
    `  ${paint.red(code)} in ${step}  ${counted(rows, 'row')}${state === 'conflict' ? ', to be read again' : ''}`,
    ...columns(
      listed
        .filter((row) => row.code === code && row.step === step && row.state === state)
        .map((row) => [
          `    ${key(row.key)}`,
          row.state,
          counted(row.attempts, 'attempt'),
          row.message.replace(/\s+/g, ' '),
        ]),
    ),
  ])
  const more = total - listed.length
  return [
    `${headline} · ${counted(total, 'failure')}`,
    ...groups,
    ...(more > 0 ? [paint.dim(`  ${count(more)} more: --limit ${total}`)] : []),
    `${paint.dim('Next:')} mend the cause, then ${isUndo(name) ? goOn(name) : `rowshift replay ${name}`}`,
  ]
}

function totalOf(counts: FailureReport['counts']): number {
  return counts.reduce((sum, { rows }) => sum + rows, 0)
}
