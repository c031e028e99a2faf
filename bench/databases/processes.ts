import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnTypeScript } from '../../test/support/spawn-typescript.js'

export interface StartedProcess {
  /** Sends a line, and returns what the process then tells. */
  ask<T>(line: string): Promise<T>
  /** Ends what it reads, and waits until it has ended. */
  close(): Promise<void>
}

/** Starts one of the scripts beside this file, and waits until it is ready. What it tells is a line of JSON each. */
export async function startProcess(script: string, args: readonly string[]): Promise<StartedProcess> {
  const child = spawnTypeScript(script, args)
  child.stderr.pipe(process.stderr)
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const { value } = await lines.next()
    if (value === undefined) throw new Error(`${script} ended early`)
    return JSON.parse(value)
  }
  await next()
  return {
    async ask<T>(line: string) {
      child.stdin.write(`${line}\n`)
      return (await next()) as T
    },
    async close() {
      child.stdin.end()
      await exited
    },
  }
}
