import type { Refuse } from './refuse.js'

export function checkFunction<F>(option: string, value: unknown, wanted: string, refuse: Refuse): F {
  return typeof value === 'function' ? (value as F) : refuse(option, `must be ${wanted}.`)
}

export function checkInteger<D extends number | undefined>(
  option: string,
  value: unknown,
  byDefault: D,
  { from, to }: { readonly from: number; readonly to?: number },
  refuse: Refuse,
): number | D {
  if (value === undefined) return byDefault
  if (
    Number.isSafeInteger(value) &&
    (value as number) >= from &&
    (value as number) <= (to ?? Number.MAX_SAFE_INTEGER)
  ) {
    return value as number
  }
  const range = to === undefined ? `an integer from ${from}` : `an integer from ${from} to ${to}`
  const otherwise = byDefault === undefined ? 'leave it out and it is found' : `the default is ${byDefault}`
  return refuse(option, `must be ${range}; ${otherwise}.`)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
