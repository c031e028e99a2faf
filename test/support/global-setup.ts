import type { TestProject } from 'vitest/node'
import type { Announcement } from './servers/serve.js'
import { type ServerProcess, startServer } from './servers/server-process.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The database servers of this run: where each one is, or why there is none. */
    readonly servers: Readonly<Record<'postgres' | 'mariadb' | 'pgbouncer', Announcement>>
  }
}

/** Starts the database servers once per run, or takes those the environment names. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started: ServerProcess[] = []
  const teardown = async () => {
    await Promise.all(started.map((server) => server.stop()))
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
  const [postgres, mariadb] = await Promise.allSettled([
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
  } catch (error) {
    await teardown()
    throw error
  }
  return teardown
}

function orThrow<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
