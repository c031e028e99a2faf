import { mkdir, rm } from 'node:fs/promises'
import Module from 'node:module'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundleChildren } from './bundle-children.js'
import { compilePackage } from './compile-package.js'
import { bundlePrisma } from './prisma/bundle-prisma.js'
import { makeRunFolder } from './run-folder.js'
import type { Announcement } from './servers/serve.js'
import { type ServerProcess, startServer } from './servers/server-process.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The database servers of this run: where each one is, or why there is none. */
    readonly servers: Readonly<Record<'postgres' | 'mariadb' | 'pgbouncer', Announcement>>
    /** The folder of the package, compiled from the sources as they were when the run began. */
    readonly packageFolder: string
    /** The folder of the programs that tests run in processes of their own, bundled when the run began. */
    readonly childrenFolder: string
    /** The folder of the package `prisma`, bundled. */
    readonly prismaFolder: string
  }
}

/** Compiles the package and starts the database servers once per run, or takes those the environment names. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await makeRunFolder()
  // For all that is started from here on, workers and their children included.
  process.env.TMPDIR = folder
  await cacheCompilations(join(folder, 'compiled'))
  const started: ServerProcess[] = []
  const teardown = async () => {
    await Promise.all(started.map((server) => server.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  const serverFor = async (
    script: 'postgres' | 'mariadb' | 'pgbouncer',
    url: string | undefined,
    args: readonly string[] = [],
  ): Promise<Announcement> => {
    if (url) return { url }
    const server = await startServer(script, args)
    started.push(server)
    const { stop, restart, ...announcement } = server
    return announcement
  }

  // Settled, not all: a server that comes up after the other one failed has to be stopped as well.
  const [packageFolder, childrenFolder, prismaFolder, postgres, mariadb] = await Promise.allSettled([
    compilePackage(),
    bundleChildren(),
    bundlePrisma(),
    serverFor('postgres', process.env.ROWSHIFT_TEST_POSTGRES_URL),
    serverFor('mariadb', process.env.ROWSHIFT_TEST_MYSQL_URL),
  ])
  try {
    const servers = { postgres: orThrow(postgres), mariadb: orThrow(mariadb) }
    const behind = 'url' in servers.postgres ? servers.postgres.url : undefined
    const pgbouncer = behind
      ? await serverFor('pgbouncer', undefined, [behind])
      : { unavailable: 'there is no PostgreSQL behind it' }
    project.provide('servers', { ...servers, pgbouncer })
    project.provide('packageFolder', orThrow(packageFolder))
    project.provide('childrenFolder', orThrow(childrenFolder))
    project.provide('prismaFolder', orThrow(prismaFolder))
  } catch (error) {
    await teardown()
    throw error
  }
  return teardown
}

/** Has the processes of the run compile a module once for all of them. */
async function cacheCompilations(folder: string): Promise<void> {
  await mkdir(folder)
  if ('enableCompileCache' in Module) process.env.NODE_COMPILE_CACHE = folder
  else {
    process.env.ROWSHIFT_TEST_COMPILE_CACHE = folder
    const hook = JSON.stringify(join(__dirname, 'compile-cache.cjs'))
    process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --require ${hook}`
  }
}

function orThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
