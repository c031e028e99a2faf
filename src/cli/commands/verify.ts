import { verifyNow } from '../../runs/verify-run.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { count, counted, key } from '../format.js'
import { definitionNamed, loadConfig, loadDefinitions, withDatabase } from '../load-config.js'

export const verify: CommandSpec = {
  usage: 'verify <name>',
  summary: 'check a table as it is now; reads only',
  description: `Checks the table of a backfill as it is now, whatever its runs say: counts the rows that still match \`where\`, page by page, and
asks \`verify.check\` about a sample of the others. Reads only, takes no locks and needs no run.`,
  examples: [['rowshift verify city.slug', 'is it true that nothing is left?']],
  exitCodes: ['0  passed', '1  rows still match, or a sampled row is not as it should be'],
  async run({ name, options, output }) {
    const project = await loadConfig(options)
    const definition = definitionNamed(project, await loadDefinitions(project), name)
    const { isPassed, remaining, checked, refused } = await withDatabase(project, (database) =>
      verifyNow(database, definition),
    )
    const { paint } = output
    const findings = [
      ...(remaining > 0 ? [`${counted(remaining, 'row still matches', 'rows still match')} \`where\``] : []),
      ...(refused.length > 0
        ? [`\`verify.check\` was not true for keys ${refused.map((parts) => key(JSON.stringify(parts))).join(', ')}`]
        : []),
    ]
    const samples =
      checked > 0 ? `, ${count(checked - refused.length)} of ${counted(checked, 'sample')} as they should be` : ''
    return {
      exitCode: isPassed ? exitCodes.done : exitCodes.failed,
      json: { backfill: name, isPassed, remaining, checked, refused },
      lines: isPassed
        ? [
            `${paint.bold(name)} ${paint.green('passed')}: ${definition.where ? 'no row matches any more' : 'without `where` there are no rows to count'}${samples}`,
          ]
        : [
            `${paint.bold(name)} ${paint.red('did not pass')}: ${findings.join('; ')}${samples}`,
            ...(remaining > 0 ? [`${paint.dim('Next:')} rowshift run ${name}`] : []),
          ],
    }
  },
}
