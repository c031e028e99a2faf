import type { EmptyOf, Having, With } from './types.js'

/** What `cast` can make of a value. */
export interface CastTypes {
  string: string
  /** Of `'12.50'`; not of `''` or `'12 cm'`. */
  number: number
  integer: number
  bigint: bigint
  /** Of `'true'`, `'false'`, `'1'`, `'0'`, `'yes'`, `'no'` in any case, 1 and 0. */
  boolean: boolean
  /** Of an ISO text or milliseconds. */
  date: Date
}

/**
 * A field's value as another type. What cannot be read as such throws, unless `otherwise` is given: nothing becomes NaN or an invalid
 * date without a word. Null and undefined stay as they are.
 */
export function cast<const F extends PropertyKey, const T extends keyof CastTypes, O = never>(
  field: F,
  to: T,
  options?: { readonly otherwise: O },
) {
  return <R extends Having<F, unknown>>(row: R): With<R, F, CastTypes[T] | O | EmptyOf<R, F>> => {
    const value = row[field]
    if (value === null || value === undefined) return row as never
    const made = casts[to](value)
    if (made === undefined && !options) {
      // Not the value itself: messages hold no contents.
      throw new TypeError(`"${String(field)}" holds a ${typeof value} that cannot be read as ${to}`)
    }
    return { ...row, [field]: made ?? options?.otherwise } as With<R, F, CastTypes[T] | O | EmptyOf<R, F>>
  }
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  '1': true,
  false: false,
  no: false,
  '0': false,
}

const casts: { readonly [T in keyof CastTypes]: (value: unknown) => CastTypes[T] | undefined } = {
  string: (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)),
  number,
  integer(value) {
    const made = number(value)
    return made !== undefined && Number.isSafeInteger(made) ? made : undefined
  },
  bigint(value) {
    if (typeof value === 'bigint') return value
    const text = String(value).trim()
    return /^[+-]?\d+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  },
  boolean(value) {
    const word = String(value).trim().toLowerCase()
    return Object.hasOwn(truths, word) ? truths[word] : undefined
  },
  date(value) {
    const made = value instanceof Date ? value : new Date(value as string | number)
    return Number.isNaN(made.getTime()) ? undefined : made
  },
}

function number(value: unknown): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined
  const made = typeof value === 'object' ? Number.NaN : Number(value)
  return Number.isFinite(made) ? made : undefined
}
