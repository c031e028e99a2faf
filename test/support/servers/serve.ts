/** What a server process says on its first line of output. */
export type Announcement = { readonly url: string } | { readonly unavailable: string }

export interface StartedServer {
  readonly url: string
  stop(): Promise<void>
}

/** Thrown by a server's start when this machine lacks what it needs. */
export class Unavailable extends Error {}

/**
 * The main function of a server process: starts a server, announces it, and stops it when standard input ends. Input ends
 * however the test runner goes away, SIGKILL included, so no server and no data directory outlives it.
 */
export async function serve(start: () => Promise<StartedServer>): Promise<never> {
  const inputEnded = new Promise((resolve) => process.stdin.resume().once('end', resolve).once('error', resolve))
  try {
    const server = await start()
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
