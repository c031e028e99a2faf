import type { EmptyOf, Having, With } from './types.js'

/** A field's value through a function. Null and undefined stay as they are: see `fallback`. */
export function map<const F extends PropertyKey, A, B>(field: F, change: (value: A) => B) {
  return <R extends Having<F, A>>(row: R): With<R, F, B | EmptyOf<R, F>> => {
    const value = row[field] as A | null | undefined
    return (value === null || value === undefined ? row : { ...row, [field]: change(value) }) as With<
      R,
      F,
      B | EmptyOf<R, F>
    >
  }
}
