import { once } from 'node:events'
import { Client, type Connection } from 'pg'

/** What the protocol counts times from. */
const epoch = Date.UTC(2000, 0, 1)

/** The end of any log. */
const everything = 0x7fff_ffff_ffff_ffffn

/**
 * A standby of a PostgreSQL server that keeps nothing and says what a test wants about how far it is: of the streaming protocol
 * https://www.postgresql.org/docs/current/protocol-replication.html only what the server needs.
 */
export class Standby {
  private constructor(
    private readonly client: Client,
    private readonly connection: Connection & { sendCopyFromChunk(chunk: Buffer): void },
  ) {}

  static async connect(url: string): Promise<Standby> {
    const client = new Client({ connectionString: url, replication: 'true' } as never)
    await client.connect()
    // Its server is stopped, or its database dropped, over its head.
    client.on('error', () => undefined)
    const { rows } = await client.query('IDENTIFY_SYSTEM')
    const { connection } = client as unknown as { connection: Standby['connection'] }
    const started = once(connection, 'replicationStart')
    client.query(`START_REPLICATION PHYSICAL ${rows[0].xlogpos}`).catch(() => undefined)
    await started
    return new Standby(client, connection)
  }

  /** Tells the server that all of the log has been replayed here, or nothing of it. */
  tell(replayed: 'everything' | 'nothing'): void {
    const message = Buffer.alloc(34)
    message.write('r')
    for (const at of [1, 9, 17]) message.writeBigInt64BE(replayed === 'everything' ? everything : 1n, at)
    message.writeBigInt64BE(BigInt(Date.now() - epoch) * 1_000n, 25)
    this.connection.sendCopyFromChunk(message)
  }

  disconnect(): void {
    ;(this.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
  }
}
