import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { CommandSpec, CommonOptions } from './command.js'
import { cancel } from './commands/cancel.js'
import { failures } from './commands/failures.js'
import { generate } from './commands/generate.js'
import { init } from './commands/init.js'
import { pause } from './commands/pause.js'
import { plan } from './commands/plan.js'
import { prismaDeploy } from './commands/prisma-deploy.js'
import { prismaGenerate } from './commands/prisma-generate.js'
import { replay } from './commands/replay.js'
import { resume } from './commands/resume.js'
import { run } from './commands/run.js'
import { set } from './commands/set.js'
import { status } from './commands/status.js'
import { undo } from './commands/undo.js'
import { verify } from './commands/verify.js'
import { versions } from './commands/versions.js'
import { work } from './commands/work.js'
import { forEachTenant } from './each-tenant.js'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.js'
import { createOutput, type Output, type Surroundings } from './output.js'

const description = `Resumable backfills for live tables.

A definition says which rows are read and what is written; a run carries it out, batch by batch, and can be stopped at any
moment and resumed by anybody. Definitions and the database are named in rowshift.config.ts, found from here upward.`

const epilogue = `
A first run:
  $ rowshift init                    write rowshift.config.ts
  $ rowshift plan city.slug          see what a run would do
  $ rowshift run city.slug           run a backfill; Ctrl-C interrupts, the same command resumes
  $ rowshift status                  see what is done, what failed and what is next

Exit codes of every command:
  0  done      1  failed      2  wrong usage or configuration      3  unfinished: paused, postponed, gate shut

\`rowshift help <command>\` explains a command.`

/** Runs the command line and gives its exit code. Never throws: whatever goes wrong is printed. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  // Known before the arguments are parsed, because their errors are printed the same way.
  const output = createOutput(args.includes('--json'), surroundings)
  let exitCode: ExitCode = exitCodes.done
  const program = createProgram(output, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      output.error(error)
      return exitCodeOf(error)
    }
    if (error.exitCode === 0) return exitCodes.done
    output.error(usageError(error, program))
    return exitCodes.usage
  }
}

function usageError(error: CommanderError, program: Command): RowshiftError {
  // Commander has shown the help, to standard error, because no command was named.
  const isNameless = error.code === 'commander.help'
  const said = error.message.replace(/^error: /, '').replace(/\n\((Did you mean .*\?)\)$/, '. $1')
  const message = isNameless ? 'name a command.' : said.replaceAll('\n', ' ')
  const [command = ''] = program.args
  const isKnown = program.commands.some((candidate) => candidate.name() === command)
  return new RowshiftError('INVALID_USAGE', {
    message: `${message.replace(/([^.)?])$/, '$1.')} See \`rowshift ${isKnown ? `${command} ` : ''}--help\`.`,
  })
}

function createProgram(output: Output, onExit: (code: ExitCode) => void): Command {
  const program = new Command('rowshift')
    .description(unwrapped(description))
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    // Before or after the command's name: `rowshift --config a.ts status` and `rowshift status --config a.ts`.
    .enablePositionalOptions()
    .helpCommand('help [command]', 'explain a command')
    .addHelpText('after', epilogue)
    .configureHelp({
      subcommandTerm: (command) =>
        [
          command.name(),
          ...command.registeredArguments.map((a) => {
            const argument = a.variadic ? `${a.name()}...` : a.name()
            return a.required ? `<${argument}>` : `[${argument}]`
          }),
        ].join(' '),
    })
    .exitOverride()
    // Errors are printed by whoever catches them, once, and as JSON if asked for.
    .configureOutput({
      outputError: () => undefined,
      writeOut: (text) => output.stdout.write(text),
      writeErr: (text) => output.note(text),
    })
  addCommonOptions(program)
  const add = <O>(spec: CommandSpec<O>) => addCommand(program, spec, output, onExit)
  add(init)
  add(generate)
  add(plan)
  add(run)
  add(work)
  add(status)
  add(pause)
  add(resume)
  add(cancel)
  add(set)
  add(failures)
  add(replay)
  add(verify)
  add(undo)
  add(versions)
  const prisma = program
    .command('prisma')
    .summary('generate and deploy migrations of Prisma')
    .description('Commands for applications whose migrations are written and applied by Prisma.')
    .helpOption('-h, --help', 'show this')
    .helpCommand(false)
  addCommand(prisma, prismaGenerate, output, onExit)
  addCommand(prisma, prismaDeploy, output, onExit)
  return program
}

function addCommand<O>(program: Command, spec: CommandSpec<O>, output: Output, onExit: (code: ExitCode) => void): void {
  const command = program.command(spec.usage).summary(spec.summary).description(unwrapped(spec.description))
  spec.options?.(command)
  const width = Math.max(...spec.examples.map(([call]) => call.length))
  const examples = spec.examples.map(([call, effect]) => `  $ ${call.padEnd(width)}   ${effect}`).join('\n')
  const codes = spec.exitCodes ? `\n\nExit codes:\n${spec.exitCodes.map((line) => `  ${line}`).join('\n')}` : ''
  addCommonOptions(command)
  if (spec.tenants) command.addOption(eachTenantOption(spec.tenants))
  command
    .helpOption('-h, --help', 'show this')
    .addHelpText('after', `\nExamples:\n${examples}${codes}`)
    .action(async (...parameters: unknown[]) => {
      const name = typeof parameters[0] === 'string' ? parameters[0] : ''
      const rest = Array.isArray(parameters[1]) ? (parameters[1] as string[]) : []
      const call = { name, rest, options: command.optsWithGlobals<CommonOptions & O>(), output }
      const answer = await (call.options.eachTenant ? forEachTenant(spec, call) : spec.run(call))
      output.answer(answer)
      onExit(answer.exitCode)
    })
}

function addCommonOptions(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'the config file, whose folder becomes the working directory (default: the first rowshift.config.* from here upward)',
    )
    .option('-d, --data-source <name>', 'which data source of the config it is about, if that has several')
    .option('-t, --tenant <name>', 'which tenant of the config it is about, if that has `tenants`')
    .option('--json', 'print one JSON document; an error is { "error": { code, message, details } }')
}

function eachTenantOption(tenants: 'carefully' | 'all'): Option {
  const order = tenants === 'carefully' ? ', the canary first' : ''
  return new Option('--each-tenant', `do so for every tenant of the config${order}`).conflicts(['tenant', 'watch'])
}

/** Paragraphs as one line each: the help is wrapped to the width of the terminal. */
function unwrapped(text: string): string {
  return text.replace(/(\S)\n(?=\S)/g, '$1 ')
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as { version: string }
  return manifest.version
}
