import { eachTenant, type TenantEnd, type TenantsReport } from '../runs/tenants/each-tenant.js'
import type { Call, CommandSpec } from './command.js'
import { describeError, withoutCode } from './describe-error.js'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.js'
import { columns, count, counted } from './format.js'
import { loadTenants } from './load-config.js'
import type { Answer, Output } from './output.js'
import { reasonOf } from './run-view.js'
import { listenForInterrupts } from './signals.js'

/** Tenants that are not completed are listed, up to so many. */
const tenantsShown = 20

/** Carries a command out for every tenant: what it says of one begins with the tenant's name; then what became of all. */
export async function forEachTenant<O>(spec: CommandSpec<O>, call: Call<O>): Promise<Answer> {
  const { options, output } = call
  const { tenants, of } = await loadTenants(options)
  const isCareful = spec.tenants === 'carefully'
  const interrupts = listenForInterrupts({
    onStop: () => output.note('  beginning no further tenant…\n'),
    onAbort: () => undefined,
  })
  try {
    const report = await eachTenant<unknown>(tenants, {
      stop: interrupts.stop,
      isCareful,
      task(tenant, database) {
        const project = of(database)
        const ofTenant = beginningWith(`${tenant} │ `, output)
        return endOf(ofTenant, tenant, () => spec.run({ ...call, options: { ...options, project }, output: ofTenant }))
      },
    })
    return answerOf(report, output)
  } finally {
    interrupts.dispose()
  }
}

/** Lines only: bars of several tenants would draw over each other. */
function beginningWith(prefix: string, output: Output): Output {
  return {
    ...output,
    mode: output.mode === 'json' ? 'json' : 'plain',
    ask: undefined,
    line: (text) => output.line(prefix + text),
    note: (text) => output.note(prefix + text),
  }
}

/** A line that ends with a command to be given next. */
const nextStep = /(?:Next|Continue|See):.* rowshift \S/

const statuses = {
  [exitCodes.done]: 'completed',
  [exitCodes.failed]: 'failed',
  [exitCodes.usage]: 'failed',
  [exitCodes.unfinished]: 'unfinished',
} as const

/** @throws what is wrong for every tenant: the command line, the configuration, a definition */
async function endOf(output: Output, tenant: string, run: () => Promise<Answer>): Promise<TenantEnd<unknown>> {
  try {
    const { exitCode, json, lines, why } = await run()
    for (const line of lines) output.line(nextStep.test(line) ? `${line} --tenant ${tenant}` : line)
    return { status: statuses[exitCode], code: why?.code ?? null, reason: why?.message ?? null, answer: json }
  } catch (error) {
    const exitCode = exitCodeOf(error)
    if (exitCode === exitCodes.usage) throw error
    const { code, message } = describeError(error)
    output.line(reasonOf(code, message))
    return { status: statuses[exitCode], code, reason: withoutCode(code, message), answer: null }
  }
}

function answerOf({ tenants, stopped }: TenantsReport<unknown>, { paint }: Output): Answer {
  const of = (status: string) => tenants.filter((tenant) => tenant.status === status).length
  const [completed, failed, unfinished, notStarted] = ['completed', 'failed', 'unfinished', 'not-started'].map(of)
  const counts = { completed: completed!, failed: failed!, unfinished: unfinished!, notStarted: notStarted! }
  const parts = [
    paint.green(`${count(counts.completed)} completed`),
    ...(counts.failed > 0 ? [paint.red(`${count(counts.failed)} failed`)] : []),
    ...(counts.unfinished > 0 ? [paint.yellow(`${count(counts.unfinished)} unfinished`)] : []),
    ...(counts.notStarted > 0 ? [`${count(counts.notStarted)} not started`] : []),
  ]
  const left = tenants.filter(({ status }) => status !== 'completed')
  return {
    exitCode: exitCodeOfAll(counts),
    json: { tenants, counts, stopped },
    lines: [
      `${paint.bold(counted(tenants.length, 'tenant'))}: ${parts.join(', ')}`,
      ...columns(
        left
          .slice(0, tenantsShown)
          .map(({ tenant, status, code, reason }) => [
            `  ${tenant}`,
            status.replace('-', ' '),
            reasonOf(code ?? undefined, reason ?? undefined).replace(/\s+/g, ' '),
          ]),
      ),
      ...(left.length > tenantsShown ? [paint.dim(`  ${count(left.length - tenantsShown)} more: --json`)] : []),
      ...(stopped ? [`${paint.yellow('Stopped:')} ${stopped.message}`] : []),
    ],
  }
}

function exitCodeOfAll(counts: {
  readonly failed: number
  readonly unfinished: number
  readonly notStarted: number
}): ExitCode {
  if (counts.failed > 0) return exitCodes.failed
  return counts.unfinished + counts.notStarted > 0 ? exitCodes.unfinished : exitCodes.done
}
