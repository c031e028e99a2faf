import type { Script } from '../script.js'
import type { Statement } from '../sql.js'

/** Kept free for the statement around the parameter. */
const statementBytes = 64 * 1024

/** A driver may write a byte as two: bytes as hexadecimal digits, and a quote in a text with a backslash before it. */
const takenOf = (packetBytes: number): number => (packetBytes - statementBytes) / 2

/** What every server takes in one packet: 1 MiB was the smallest default. */
const alwaysTakenBytes = takenOf(1024 * 1024)

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
export function* packetsOf<T extends string | readonly (string | null)[]>(
  rows: readonly T[],
): Script<readonly Packet<T>[]> {
  if (mostBytesOf(rows) <= alwaysTakenBytes) return [{ rows, from: 0 }]
  const sizes = rows.map(bytesOf)
  if (sizes.reduce((sum, size) => sum + size, 0) <= alwaysTakenBytes) return [{ rows, from: 0 }]
  const most = takenOf(Number((yield readLimit).rows[0]?.[0]))
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

/** At most: JSON writes a letter as six bytes where it escapes it, and UTF-8 as three. Counting them takes longer than adding up lengths. */
function mostBytesOf(rows: readonly (string | readonly (string | null)[])[]): number {
  let most = 0
  for (const row of rows) {
    most += 3
    if (typeof row === 'string') most += 3 * row.length
    else for (const cell of row) most += cell === null ? 5 : 6 * cell.length + 3
  }
  return most
}

/** As JSON, which a text is already: quotes, commas, and what JSON itself escapes. */
function bytesOf(row: string | readonly (string | null)[]): number {
  return Buffer.byteLength(typeof row === 'string' ? row : JSON.stringify(row)) + 1
}
