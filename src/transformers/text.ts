import type { Having } from './types.js'

/** Texts without the blanks at both ends. Null and undefined stay as they are. */
export const trim = <const F extends PropertyKey>(...fields: readonly F[]) => texts(fields, (text) => text.trim())

/** Texts in lower case. Null and undefined stay as they are. */
export const lower = <const F extends PropertyKey>(...fields: readonly F[]) =>
  texts(fields, (text) => text.toLowerCase())

/** Texts in upper case. Null and undefined stay as they are. */
export const upper = <const F extends PropertyKey>(...fields: readonly F[]) =>
  texts(fields, (text) => text.toUpperCase())

/**
 * Every match of a pattern in a text, replaced: `replace('phone', /[^0-9]/g, '')`. A pattern without `g` replaces the first, as
 * in JavaScript. Null and undefined stay as they are.
 */
export const replace = <const F extends PropertyKey>(field: F, pattern: string | RegExp, by: string) =>
  texts([field], (text) => text.replace(pattern, by))

function texts<F extends PropertyKey>(fields: readonly F[], change: (text: string) => string) {
  return <R extends Having<F, string>>(row: R): R => {
    const changed = { ...row } as Record<PropertyKey, unknown>
    for (const field of fields) {
      const value = changed[field]
      if (value !== null && value !== undefined) changed[field] = change(value as string)
    }
    return changed as R
  }
}
