import type { Dialect, Key, KeyRange } from '../../dialects/dialect.js'
import type { Script } from '../../dialects/script.js'
import type { TableInfo } from '../../dialects/table.js'

/*
 * Where to cut a range of keys in two. Every answer is a key that the database has found in the range, in the key's own type
 * and order; arithmetic only proposes where to look. No look reads more than a bounded stretch of the key's index.
 */

export interface SplitLimits {
  /** Ranges of fewer keys are not worth a cut. */
  readonly minKeys: number
  /** Keys looked at to tell a short range, which is cut exactly in half, from a long one. */
  readonly lookKeys: number
  /** Keys left to the first part of a long range whose keys have no arithmetic. */
  readonly strideKeys: number
}

/** Long enough that finding the middle costs little beside the work on either half. */
const lookKeys = 10_000

/** A stride's index entries are read in some ten milliseconds. */
const maxStrideKeys = 100_000

/** Strides a table is cut into at least, so that many workers find something to take. */
const stridesPerTable = 64

/** For pages of `batchRows` keys: a worker has one page in hand and one read ahead, which half a range should leave to it. */
export function splitLimitsFor(batchRows: number, estimatedRows: number): SplitLimits {
  const minKeys = 4 * batchRows
  const look = Math.max(lookKeys, minKeys)
  const stride = Math.min(Math.floor(estimatedRows / stridesPerTable), maxStrideKeys)
  return { minKeys, lookKeys: look, strideKeys: Math.max(look, stride) }
}

/**
 * A key that leaves something on both sides: the last one of the first part. undefined = the range is not worth a cut.
 *
 * A short range is cut at half of its keys. A long one of integers or UUIDs is halved by value, as often as it takes until
 * neither part is next to nothing. Of other keys (texts under a collation, composite keys, timestamps) the first part is a
 * stride of counted keys and the second part the rest, from which the next idle worker takes its share.
 */
export function* middleKey(
  dialect: Dialect,
  info: TableInfo,
  range: KeyRange,
  limits: SplitLimits,
): Script<Key | undefined> {
  const near = yield* countKeys(dialect, info, range, 2 * limits.lookKeys)
  if (near.count < limits.minKeys) return undefined
  if (near.count < 2 * limits.lookKeys) return yield* half(dialect, info, range, near.count)
  const halved = yield* halveByValue(dialect, info, range, limits.lookKeys)
  if (halved) return halved
  // Beyond the stride something must be left that is worth taking.
  const enough = limits.strideKeys + limits.lookKeys
  const { count } = yield* countKeys(dialect, info, range, enough)
  if (count < enough) return yield* half(dialect, info, range, count)
  return (yield* countKeys(dialect, info, range, limits.strideKeys)).last
}

function* half(dialect: Dialect, info: TableInfo, range: KeyRange, count: number): Script<Key | undefined> {
  return (yield* countKeys(dialect, info, range, Math.floor(count / 2))).last
}

/** How many keys a range has, up to a limit, and the last of those. */
function* countKeys(
  dialect: Dialect,
  info: TableInfo,
  range: KeyRange,
  limit: number,
): Script<{ readonly count: number; readonly last: Key | undefined }> {
  const { rows } = yield dialect.pageEnd(info, { ...range, limit })
  const row = rows[0]
  if (!row) return { count: 0, last: undefined }
  const width = info.key.length
  return { count: Number(row[width]), last: row.slice(0, width).map(String) }
}

/** Halvings of 128 bits. */
const maxHalvings = 128

function* halveByValue(dialect: Dialect, info: TableInfo, range: KeyRange, minKeys: number): Script<Key | undefined> {
  const first = range.after ?? (yield* countKeys(dialect, info, range, 1)).last
  const numbers = first && arithmeticOf(info, first, range.upTo)
  if (!numbers) return undefined
  let { low, high } = numbers
  const hasEnough = function* (part: KeyRange): Script<boolean> {
    return (yield* countKeys(dialect, info, part, minKeys)).count === minKeys
  }
  for (let i = 0; i < maxHalvings && high - low > 1n; i++) {
    const middle = (low + high) / 2n
    const { rows } = yield dialect.keyAtMost(info, range, numbers.keyOf(middle))
    const key = rows[0]?.map(String)
    if (!key || !(yield* hasEnough({ after: range.after, upTo: key }))) low = middle
    else if (!(yield* hasEnough({ after: key, upTo: range.upTo }))) high = middle
    else return key
  }
  return undefined
}

/** How far the ends of a range are apart; undefined where its keys have no arithmetic, or its beginning is not known. */
export function keySpan(info: TableInfo, { after, upTo }: KeyRange): bigint | undefined {
  const numbers = after && arithmeticOf(info, after, upTo)
  return numbers && numbers.high - numbers.low
}

interface Arithmetic {
  readonly low: bigint
  readonly high: bigint
  keyOf(value: bigint): Key
}

const integer = /^-?\d+$/
const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i

/** Keys as numbers, where there is one column of integers or UUIDs; a UUID may be stored as text. */
function arithmeticOf({ key }: TableInfo, [first]: Key, [last]: Key): Arithmetic | undefined {
  const [column] = key
  if (key.length > 1 || !column || first === undefined || last === undefined) return undefined
  const isNumber = column.kind === 'integer' || column.kind === 'bigint'
  if (isNumber && integer.test(first) && integer.test(last)) {
    return { low: BigInt(first), high: BigInt(last), keyOf: (value) => [String(value)] }
  }
  if (!uuid.test(first) || !uuid.test(last)) return undefined
  const isUpper = /[A-F]/.test(last)
  return {
    low: uuidNumber(first),
    high: uuidNumber(last),
    keyOf(value) {
      const text = uuidText(value)
      return [isUpper ? text.toUpperCase() : text]
    },
  }
}

/**
 * How far a cursor is in its range, 0 to 1, told from their texts alone and for people only: undefined where these are no integers or
 * UUIDs in order.
 */
export function shareOfRange({ after, upTo }: KeyRange, at: Key): number | undefined {
  const [low, cursor, high] = [after, at, upTo].map(numberOf)
  if (low === undefined || cursor === undefined || high === undefined) return undefined
  if (low >= high || cursor < low || cursor > high) return undefined
  return Number(((cursor - low) * 1_000_000n) / (high - low)) / 1_000_000
}

function numberOf(key: Key | undefined): bigint | undefined {
  const [text] = key ?? []
  if (key?.length !== 1 || text === undefined) return undefined
  if (integer.test(text)) return BigInt(text)
  return uuid.test(text) ? uuidNumber(text) : undefined
}

const uuidNumber = (text: string): bigint => BigInt(`0x${text.replaceAll('-', '')}`)

function uuidText(value: bigint): string {
  const hex = value.toString(16).padStart(32, '0')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
