import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { spawnTypeScript } from '../../test/support/spawn-typescript.js'

export interface StartedProcess {
  /** Gives it the sign that it waits for, and returns what it then tells. */
  tell<T>(): Promise<T>
}

/** Starts one of the scripts beside this file, and waits until it is ready. */
export async function startProcess(script: string, args: readonly string[]): Promise<StartedProcess> {
  const child = spawnTypeScript(script, args)
  child.stderr.pipe(process.stderr)
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value } = await lines.next()
    if (value === undefined) throw new Error(`${script} ended early`)
    return value
  }
  await next()
  return {
    async tell<T>() {
      child.stdin.write('go\n')
      const told = JSON.parse(await next()) as T
      await exited
      return told
    },
  }
}
