import type { With } from './types.js'

/** What stands for a field that is missing, undefined or null. Other values, false, 0 and '' too, stay. */
export function fallback<const F extends PropertyKey, const V extends string | number | bigint | boolean | Date>(
  field: F,
  value: V,
) {
  return <R extends object>(row: R): With<R, F, (F extends keyof R ? NonNullable<R[F]> : never) | V> =>
    ({ ...row, [field]: (row as Record<PropertyKey, unknown>)[field] ?? value }) as With<
      R,
      F,
      (F extends keyof R ? NonNullable<R[F]> : never) | V
    >
}
