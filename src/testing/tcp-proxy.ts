import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net'

interface Tripwire {
  readonly matches: (chunk: Buffer) => boolean
  readonly when: 'before' | 'after'
  readonly trip: (client: Socket) => void
}

/** A TCP proxy in front of a server, to lose connections at a chosen moment and to slow them down. */
export class TcpProxy {
  /** How long each chunk is held, in each direction. */
  delayMs = 0

  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #tripwire: Tripwire | undefined

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => this.#join(client, createConnection(target)))
  }

  /** @param port that of a proxy that was closed, for a server that comes back. */
  async listen(port = 0): Promise<this> {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Loses all live connections, and says how many sockets that were; new ones are accepted. */
  cut(): number {
    const live = this.#sockets.size
    for (const socket of this.#sockets) socket.resetAndDestroy()
    return live
  }

  /**
   * Loses all connections once, at the first chunk from a client that matches: `before` the server sees it, or `after` the
   * server has answered it and the client has not seen the answer. Settles when that has happened. `half-close`: only that client's,
   * which is told in good order that nothing more will come, and may still send.
   */
  cutAfterClientBytes(
    matches: (chunk: Buffer) => boolean,
    when: 'before' | 'after',
    how: 'reset' | 'half-close' = 'reset',
  ): Promise<void> {
    return new Promise((resolve) => {
      this.#tripwire = {
        matches,
        when,
        trip: (client) => {
          if (how === 'reset') this.cut()
          else client.end()
          resolve()
        },
      }
    })
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, server: Socket): void {
    let armed: Tripwire | undefined
    this.#forward(client, server, (chunk) => {
      if (!this.#tripwire?.matches(chunk)) return true
      armed = this.#tripwire
      this.#tripwire = undefined
      if (armed.when === 'after') return true
      armed.trip(client)
      return false
    })
    this.#forward(server, client, () => {
      armed?.trip(client)
      return armed === undefined
    })
  }

  #forward(from: Socket, to: Socket, passes: (chunk: Buffer) => boolean): void {
    this.#sockets.add(from)
    from.setNoDelay()
    from.on('data', (chunk) => {
      if (passes(chunk)) this.#hold(() => to.write(chunk))
    })
    // Its end is what matters, and `close` tells it.
    from.on('error', () => {})
    from.on('close', () => {
      this.#sockets.delete(from)
      this.#hold(() => to.end())
    })
  }

  #hold(action: () => void): void {
    if (this.delayMs > 0) setTimeout(action, this.delayMs)
    else action()
  }
}
