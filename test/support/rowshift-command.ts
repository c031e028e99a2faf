import { Writable } from 'node:stream'
import { runCommandLine } from '../../src/cli/program.js'

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

interface Terminal {
  readonly streams?: readonly [stdout: Capture, stderr: Capture]
  readonly stdin?: NodeJS.ReadStream
}

/** A command of rowshift, run in this process as in a folder: a process for each would take a minute a file of tests. */
export async function runRowshift(
  folder: string,
  args: readonly string[],
  { streams = [capture(), capture()], stdin }: Terminal = {},
): Promise<Outcome> {
  const before = process.cwd()
  process.chdir(folder)
  try {
    const code = await runCommandLine(args, {
      ...(stdin && { stdin }),
      stdout: streams[0].stream,
      stderr: streams[1].stream,
      env: { NO_COLOR: '1' },
    })
    return { code, out: streams[0].text(), err: streams[1].text() }
  } finally {
    process.chdir(before)
  }
}
