import { describeVerification, type Verification } from '../../backfill/verify/verify.js'
import { type StoredVerification, verifyNow } from '../../runs/verify-now.js'
import type { CommandSpec } from '../command.js'
import { forEachMember, membersOf } from '../each-member.js'
import { exitCodes } from '../exit-codes.js'
import { count, counted } from '../format.js'
import { definitionNamed, loadConfig, loadDefinitions, withDatabase } from '../load-config.js'
import type { Output } from '../output.js'

export const verify: CommandSpec = {
  usage: 'verify <name>',
  summary: 'check a table as it is now; reads only',
  description: `Checks the table of a backfill as it is now, whatever its runs say: counts the rows that still match \`where\`, page by page,
asks \`verify.check\` about a sample of the others, and asks \`verify.after\`. Reads only, takes no locks and needs no run.
Also shows what the latest run was ended by; only a run can compute rows again (\`verify.recompute\`).`,
  examples: [['rowshift verify city.slug', 'is it true that nothing is left?']],
  tenants: 'all',
  exitCodes: ['0  passed', '1  rows still match, a sampled row is not as it should be, or an assertion does not hold'],
  async run(call) {
    const { name, options, output } = call
    const project = await loadConfig(options)
    const definitions = await loadDefinitions(project)
    const sequence = definitions.sequences.get(name)
    if (sequence) return forEachMember(verify, call, sequence, { members: membersOf(sequence) })
    const definition = definitionNamed(project, definitions, name)
    const { now, stored } = await withDatabase(project, (database) => verifyNow(database, definition))
    const { paint } = output
    const nothingLeft = definition.where ? 'no row matches any more' : 'without `where` there are no rows to count'
    const judged = now.isPassed
      ? `${paint.green('passed')}: ${nothingLeft}`
      : `${paint.red('did not pass')}: ${describeVerification(now)}`
    return {
      exitCode: now.isPassed ? exitCodes.done : exitCodes.failed,
      json: { backfill: name, ...now, lastRun: stored ?? null },
      lines: [
        `${paint.bold(name)} ${judged}${asked(now)}`,
        ...(stored ? [storedLine(stored, output)] : []),
        ...(now.remaining > 0 ? [`${paint.dim('Next:')} rowshift run ${name}`] : []),
      ],
    }
  },
}

function storedLine(stored: StoredVerification, { paint }: Output): string {
  const judged = stored.isPassed ? 'passed' : `did not pass: ${describeVerification(stored)}`
  return paint.dim(`  run ${stored.runId}, ${stored.status}: ${judged}${asked(stored)}`)
}

/** What was looked at, where something was. */
function asked({ checked, refused, recomputed, assertions }: Verification): string {
  const parts = [
    ...(checked > 0 ? [`${count(checked - refused.length)} of ${counted(checked, 'sample')} as they should be`] : []),
    ...(recomputed
      ? [
          `${count(recomputed.rows)} computed again${recomputed.changedSince > 0 ? ` (${count(recomputed.changedSince)} changed since)` : ''}`,
        ]
      : []),
    ...(assertions.length > 0
      ? [`${count(assertions.filter(({ holds }) => holds).length)} of ${counted(assertions.length, 'assertion')} held`]
      : []),
  ]
  return parts.map((part) => `, ${part}`).join('')
}
