import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { freePort } from '../free-port.js'
import { type StartedServer, serve, Unavailable } from './serve.js'

// Distributions install it where an ordinary user's PATH does not look.
process.env.PATH += ':/usr/sbin:/usr/local/sbin'

/**
 * The machine's PgBouncer before a PostgreSQL server: in transaction mode, where each transaction may meet another server
 * connection, as here it always does.
 *
 *   pgbouncer.ts postgres://postgres:postgres@127.0.0.1:5432/postgres
 */
async function startPgBouncer(): Promise<StartedServer> {
  const server = new URL(process.argv[2]!)
  await promisify(execFile)('pgbouncer', ['--version']).catch(() => {
    throw new Unavailable('no PgBouncer is installed')
  })
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-pgbouncer-'))
  const port = await freePort()
  const login = { user: decodeURIComponent(server.username), password: decodeURIComponent(server.password) }
  const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`
  const config = `
    [databases]
    * = host=${server.hostname} port=${server.port || 5432} user=${quoted(login.user)} password=${quoted(login.password)}
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = ${port}
    unix_socket_dir =
    auth_type = any
    pool_mode = transaction
    server_round_robin = 1
    ignore_startup_parameters = extra_float_digits
    ${process.getuid?.() === 0 ? 'user = nobody' : ''}
  `
  const file = join(folder, 'pgbouncer.ini')
  // As root it becomes another user, who has to read the file.
  await chmod(folder, 0o755)
  await writeFile(file, config.replace(/^ +/gm, ''))
  const bouncer = spawn('pgbouncer', [file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const log: string[] = []
  for await (const line of createInterface({ input: bouncer.stderr })) {
    log.push(line)
    if (line.includes('process up')) break
  }
  if (!log.at(-1)?.includes('process up')) {
    await rm(folder, { recursive: true, force: true })
    throw new Error(`PgBouncer did not start:\n${log.join('\n')}`)
  }
  // A full pipe would stop it.
  bouncer.stderr.resume()
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      const exited = once(bouncer, 'exit')
      bouncer.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

void serve(startPgBouncer)
