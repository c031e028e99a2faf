import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from '../free-port.js'
import { type StartedServer, serve, Unavailable } from './serve.js'

// Distributions install the server where an ordinary user's PATH does not look.
process.env.PATH += ':/usr/sbin:/usr/libexec:/usr/local/sbin'

/** Further options of the server. */
const options = process.argv.slice(2)

/** The machine's MariaDB, in a folder of its own and deaf to the machine's configuration. */
async function startMariaDb(): Promise<StartedServer> {
  const binary = await findServer()
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-mariadb-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  const data = `--datadir=${join(folder, 'data')}`
  // The server refuses to run as root unless it is told to.
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  // Its temporary tables are named by process ids, which other containers with this /tmp may use as well.
  const env = { ...process.env, TMPDIR: folder }
  try {
    await promisify(execFile)(
      'mariadb-install-db',
      ['--no-defaults', data, ...user, '--auth-root-authentication-method=normal', '--skip-test-db'],
      { env },
    )
    const port = await freePort()
    const start = async () => {
      const started = spawn(
        binary,
        [
          '--no-defaults',
          data,
          ...user,
          '--skip-networking=0',
          '--bind-address=127.0.0.1',
          `--port=${port}`,
          `--socket=${join(folder, 'socket')}`,
          `--pid-file=${join(folder, 'pid')}`,
          '--skip-name-resolve',
          '--character-set-server=utf8mb4',
          // A throwaway server: little memory, and no wait for the disk at each commit.
          '--innodb-buffer-pool-size=64M',
          '--innodb-log-file-size=64M',
          '--innodb-flush-log-at-trx-commit=2',
          ...options,
        ],
        { stdio: ['ignore', 'ignore', 'pipe'], env },
      )
      await ready(started)
      return started
    }
    let server = await start()
    const stop = async () => {
      const exited = once(server, 'exit')
      server.kill('SIGTERM')
      await exited
    }
    return {
      url: `mysql://root@127.0.0.1:${port}/mysql`,
      async restart() {
        await stop()
        server = await start()
      },
      async stop() {
        await stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function findServer(): Promise<string> {
  for (const binary of ['mariadbd', 'mysqld']) {
    const version = await promisify(execFile)(binary, ['--no-defaults', '--version']).catch(() => undefined)
    if (version?.stdout.includes('MariaDB')) return binary
  }
  throw new Unavailable('no MariaDB server is installed')
}

async function ready(server: ChildProcess): Promise<void> {
  const log: string[] = []
  for await (const line of createInterface({ input: server.stderr! })) {
    if (line.includes('ready for connections')) {
      // A full pipe would stop the server.
      server.stderr!.resume()
      return
    }
    log.push(line)
  }
  throw new Error(`MariaDB did not start:\n${log.join('\n')}`)
}

void serve(startMariaDb)
