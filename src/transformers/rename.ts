import type { Renamed } from './types.js'

/** A field under another name. The row that is given stays as it is, as with every transformer. */
export function rename<const A extends PropertyKey, const B extends PropertyKey>(from: A, to: B) {
  return <R extends { readonly [K in A]?: unknown }>(row: R): Renamed<R, A & keyof R, B> => {
    const { [from]: value, ...rest } = row as Record<PropertyKey, unknown>
    // A field that is not there is not there under the new name either.
    return (from in row ? { ...rest, [to]: value } : rest) as unknown as Renamed<R, A & keyof R, B>
  }
}
