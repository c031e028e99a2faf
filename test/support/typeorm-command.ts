import { createRequire } from 'node:module'
import { join } from 'node:path'

const ofTypeorm = createRequire(join(__dirname, '../../node_modules/typeorm/cli.js'))

/** What is used of the parser that the `typeorm` command is made with. */
interface Parser {
  command(command: object): Parser
  strict(): Parser
  exitProcess(enabled: boolean): Parser
  parseAsync(): Promise<unknown>
}

/** How the command ended, and all it wrote. */
export interface Typeorm {
  readonly code: number
  readonly out: string
}

/**
 * `typeorm migration:run …` or `migration:revert …`: the commands of the stock CLI, with its parser, in this process. A process for each
 * of two hundred calls would take minutes.
 */
export async function runTypeorm(folder: string, args: readonly string[]): Promise<Typeorm> {
  const yargs = ofTypeorm('yargs') as (args: readonly string[]) => Parser
  const { MigrationRunCommand } = ofTypeorm('./commands/MigrationRunCommand.js')
  const { MigrationRevertCommand } = ofTypeorm('./commands/MigrationRevertCommand.js')
  const parser = yargs(args)
    .command(new MigrationRunCommand())
    .command(new MigrationRevertCommand())
    .strict()
    .exitProcess(false)
  const lines: string[] = []
  const [before, exit] = [process.cwd(), process.exit]
  const { log, info, warn, error } = console
  const write = (...parts: readonly unknown[]) => void lines.push(parts.map(String).join(' '))
  let code: number | undefined
  process.chdir(folder)
  Object.assign(console, { log: write, info: write, warn: write, error: write })
  // The command says so when it is done, and goes on here: the first word counts.
  process.exit = ((status = 0) => {
    code ??= Number(status)
  }) as never
  try {
    await parser.parseAsync()
  } finally {
    process.exit = exit
    Object.assign(console, { log, info, warn, error })
    process.chdir(before)
  }
  return { code: code ?? 0, out: lines.join('\n') }
}
