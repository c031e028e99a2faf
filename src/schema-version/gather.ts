import type { UntypedRow } from './steps.js'

type Mutable = Record<string, unknown>

/** The fields of the next version, from the changes of a step or else from the row. */
export type Gather = (row: UntypedRow, changes: UntypedRow) => Mutable

/** The fields of a version that is known whole; those that neither has are left out. */
export function pick(fields: readonly string[]): Gather {
  return (row, changes) => {
    const next: Mutable = {}
    for (const field of fields) {
      const value = changes[field]
      if (value !== undefined) next[field] = value
      // A step that says `undefined` means it.
      else if (row[field] !== undefined && !(field in changes)) next[field] = row[field]
    }
    return next
  }
}

/** All fields but those that the version is known to have lost. */
export function carry(dropped: readonly string[]): Gather {
  return (row, changes) => {
    const next: Mutable = { ...row, ...changes }
    for (const field of dropped) delete next[field]
    return next
  }
}

/**
 * The same as {@link pick} as straight code, for records that have every field; undefined for one that has not. An object literal is
 * several times faster than an object that grows field by field, and nearly all records have all fields:
 *
 *   let v0 = changes["id"]; if (v0 === undefined) { if ("id" in changes || (v0 = row["id"]) === undefined) return }
 *   return { "id": v0 }
 *
 * undefined instead of a function where the process runs without code made of strings, and for `__proto__`.
 */
export function pickWhole(
  fields: readonly string[],
): ((row: UntypedRow, changes: UntypedRow) => Mutable | undefined) | undefined {
  if (fields.includes('__proto__')) return undefined
  const names = fields.map((field) => JSON.stringify(field))
  const loads = names.map(
    (name, i) =>
      `let v${i} = changes[${name}]; if (v${i} === undefined) { if (${name} in changes || (v${i} = row[${name}]) === undefined) return }`,
  )
  const literal = names.map((name, i) => `${name}: v${i}`)
  try {
    return new Function('row', 'changes', `${loads.join('\n')}\nreturn { ${literal.join(', ')} }`) as ReturnType<
      typeof pickWhole
    >
  } catch (error) {
    // `node --disallow-code-generation-from-strings`
    if (error instanceof EvalError) return undefined
    throw error
  }
}
