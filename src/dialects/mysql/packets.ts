import type { Script } from '../script.js'
import type { Statement } from '../sql.js'

/** What every server takes in one packet: 1 MiB was the smallest default, and the driver may write a byte as two. */
const alwaysTakenBytes = 512 * 1024

/** Kept free for the statement around the parameter. */
const statementBytes = 64 * 1024

const readLimit: Statement = { label: 'packet-limit', text: 'select @@session.max_allowed_packet', parameters: [] }

/** Rows of a statement's parameter that go to the server together. */
export interface Packet<T> {
  readonly rows: readonly T[]
  /** The position of the first of them. */
  readonly from: number
}

/**
 * Cuts rows into as many statements as `max_allowed_packet` makes necessary: beyond it the server hangs up, and says why by chance only.
 * The limit is read only where it may matter. A row that is too large by itself is sent as it is, to be refused.
 */
export function* packetsOf<T extends readonly (string | null)[]>(rows: readonly T[]): Script<readonly Packet<T>[]> {
  const sizes = rows.map(bytesOf)
  if (sizes.reduce((sum, size) => sum + size, 0) <= alwaysTakenBytes) return [{ rows, from: 0 }]
  const limit = (yield readLimit).rows[0]?.[0]
  // Drivers escape quotes and backslashes in texts they put into the statement: at worst each byte becomes two.
  const most = (Number(limit) - statementBytes) / 2
  const packets: Packet<T>[] = []
  let from = 0
  let size = 0
  for (const [i, bytes] of sizes.entries()) {
    if (i > from && size + bytes > most) {
      packets.push({ rows: rows.slice(from, i), from })
      from = i
      size = 0
    }
    size += bytes
  }
  return [...packets, { rows: rows.slice(from), from }]
}

/** As JSON: quotes, commas, and what JSON itself escapes. */
function bytesOf(row: readonly (string | null)[]): number {
  return Buffer.byteLength(JSON.stringify(row)) + 1
}
