import { createRequire } from 'node:module'
import { join, sep } from 'node:path'
import { Writable } from 'node:stream'
import { inject } from 'vitest'
import type { runCommandLine } from '../../src/cli/program.js'

/** What the command printed and how it ended. */
export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A stream that keeps what is written. */
interface Capture {
  readonly stream: NodeJS.WriteStream
  text(): string
}

export function capture(onText: (text: string) => void = () => undefined, isTTY = false): Capture {
  const chunks: string[] = []
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _, done) {
      chunks.push(chunk)
      onText(chunk)
      done()
    },
  })
  return { stream: Object.assign(stream, { isTTY }) as unknown as NodeJS.WriteStream, text: () => chunks.join('') }
}

interface Options {
  /** The working directory, in `folder`. */
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly streams?: readonly [stdout: Capture, stderr: Capture]
  readonly stdin?: NodeJS.ReadStream
}

/**
 * A command of the compiled package, which the applications of tests import as well, run in this process as in an application's folder:
 * a process for each would take most of the time of all tests. Everything begins anew as in a process of its own, but for modules
 * that are imported as ESM. What the application itself prints is not captured.
 */
export async function runRowshift(
  folder: string,
  args: readonly string[],
  { cwd = '.', env = {}, streams = [capture(), capture()], stdin }: Options = {},
): Promise<Outcome> {
  forgetModules(folder)
  const program = join(inject('packageFolder'), 'dist/cli/program.js')
  const run = (require_(program) as { readonly runCommandLine: typeof runCommandLine }).runCommandLine
  const before = { cwd: process.cwd(), env: { ...process.env } }
  process.chdir(join(folder, cwd))
  Object.assign(process.env, env)
  try {
    const code = await run(args, {
      ...(stdin && { stdin }),
      stdout: streams[0].stream,
      stderr: streams[1].stream,
      env: { NO_COLOR: '1', ...env },
    })
    return { code, out: streams[0].text(), err: streams[1].text() }
  } finally {
    process.chdir(before.cwd)
    for (const name of Object.keys(env)) {
      if (before.env[name] === undefined) delete process.env[name]
      else process.env[name] = before.env[name]
    }
  }
}

const require_ = createRequire(__filename)

/** A process of its own would read the files as they are now, by a loader that no earlier application has left. */
export function forgetModules(folder: string): void {
  for (const extension of ['.ts', '.cts']) delete require_.extensions[extension]
  const installed = join(folder, 'node_modules') + sep
  for (const file of Object.keys(require_.cache))
    if (file.startsWith(folder + sep) && !file.startsWith(installed)) delete require_.cache[file]
}
