import { createInterface } from 'node:readline/promises'
import { createColors } from 'picocolors'
import type { ErrorCode } from '../errors/codes.js'
import { describeError, withoutCode } from './describe-error.js'
import type { ExitCode } from './exit-codes.js'

/** What a command has to say at its end. */
export interface Answer {
  readonly exitCode: ExitCode
  /** The one document that `--json` prints. */
  readonly json: unknown
  /** The same for people. */
  readonly lines: readonly string[]
  /** Why it is not done, where that has a code. */
  readonly why?: { readonly code: ErrorCode; readonly message: string } | undefined
}

/** The streams and the surroundings of a command: those of the process, or a test's. */
export interface Surroundings {
  /** Where answers come from; absent: nobody can be asked. */
  readonly stdin?: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

/**
 * Where a command writes: to a terminal, as plain lines (a pipe, a log of CI), or one JSON document. What people are told goes
 * to standard output, errors and the answer to Ctrl-C to standard error.
 */
export interface Output {
  readonly mode: 'terminal' | 'plain' | 'json'
  readonly paint: ReturnType<typeof createColors>
  readonly stdout: NodeJS.WriteStream
  /** Asks a person; undefined where none sits at a terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** Lines for people: nothing with `--json`. */
  line(text: string): void
  /** For people, with `--json` too, and without ending the line. */
  note(text: string): void
  answer(answer: Answer): void
  error(error: unknown): void
}

export function createOutput(isJson: boolean, { stdin, stdout, stderr, env }: Surroundings): Output {
  const paint = createColors(hasColor(stdout, env))
  const paintError = createColors(hasColor(stderr, env))
  const writeOut = stdout.write.bind(stdout) as (text: string) => boolean
  // The application's modules may log while they are loaded, and ORMs log statements: not into the document.
  if (isJson) stdout.write = stderr.write.bind(stderr) as typeof stdout.write
  const document = (value: unknown) => writeOut(`${JSON.stringify(value, plainValue, 2)}\n`)
  return {
    mode: isJson ? 'json' : stdout.isTTY ? 'terminal' : 'plain',
    paint,
    stdout,
    ask: !isJson && stdout.isTTY && stdin?.isTTY ? (question) => askAt(stdin, stderr, question) : undefined,
    line(text) {
      if (!isJson) writeOut(`${text}\n`)
    },
    note(text) {
      stderr.write(text)
    },
    answer({ json, lines }) {
      if (isJson) document(json)
      else for (const line of lines) writeOut(`${line}\n`)
    },
    error(error) {
      const described = describeError(error)
      if (isJson) document({ error: described })
      else stderr.write(`${paintError.red(described.code)}: ${withoutCode(described.code, described.message)}\n`)
      // Nobody foresaw it, so it takes more than a message to find.
      if (described.code === 'UNEXPECTED_ERROR' && error instanceof Error)
        stderr.write(`${paintError.dim(error.stack ?? '')}\n`)
    },
  }
}

async function askAt(stdin: NodeJS.ReadStream, stderr: NodeJS.WriteStream, question: string): Promise<string> {
  const terminal = createInterface({ input: stdin, output: stderr })
  try {
    return await terminal.question(question)
  } finally {
    terminal.close()
  }
}

/** https://no-color.org, and no colors in files and pipes unless FORCE_COLOR asks for them. */
function hasColor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0'
  return Boolean(stream.isTTY) && env.TERM !== 'dumb'
}

function plainValue(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
