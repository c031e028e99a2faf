import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { spawnTypeScript } from '../spawn-typescript.js'
import type { Announcement } from './serve.js'

/** A server that has not stopped by then is killed with its process. */
const stopTimeoutMs = 20_000

export type ServerProcess = Announcement & {
  /** Stops the server and starts it again: settles when it answers. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Runs one of the scripts beside this file (see `serve`) until `stop`. */
export async function startServer(
  script: 'postgres' | 'mariadb' | 'pgbouncer',
  args: readonly string[] = [],
): Promise<ServerProcess> {
  const child = spawnTypeScript(join(__dirname, `${script}.ts`), args, {
    // Out of reach of a terminal's Ctrl-C: it is this process that decides when the server goes.
    detached: true,
  })
  const exited = once(child, 'exit')
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value: line } = await lines.next()
  if (line === undefined) {
    await exited
    throw new Error(`The ${script} server process ended early:\n${errors}`)
  }
  return {
    ...(JSON.parse(line) as Announcement),
    async restart() {
      child.stdin.write('restart\n')
      await lines.next()
    },
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      child.stdin.end()
      if (child.exitCode === null) await exited
      clearTimeout(timer)
    },
  }
}
