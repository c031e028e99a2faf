/** What a server process says on its first line of output. */
export type Announcement = { readonly url: string } | { readonly unavailable: string }

export interface StartedServer {
  readonly url: string
  /** Stops it in good order and starts it again, on the same port with the same data. */
  restart?(): Promise<void>
  stop(): Promise<void>
}

/** Thrown by a server's start when this machine lacks what it needs. */
export class Unavailable extends Error {}

/**
 * The main function of a server process: starts a server, announces it, and stops it when standard input ends. Input ends
 * however the test runner goes away, SIGKILL included, so no server and no data directory outlives it. Whatever else arrives there
 * restarts the server, which is announced too.
 */
export async function serve(start: () => Promise<StartedServer>): Promise<never> {
  const inputEnded = new Promise((resolve) => process.stdin.once('end', resolve).once('error', resolve))
  try {
    const server = await start()
    process.stdin.on('data', () => server.restart?.().then(() => announce({ url: server.url })))
    announce({ url: server.url })
    await inputEnded
    await server.stop()
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    announce({ unavailable: error.message })
  }
  process.exit()
}

function announce(announcement: Announcement): void {
  process.stdout.write(`${JSON.stringify(announcement)}\n`)
}
