import { RowshiftError } from '../../errors/rowshift-error.js'

// Registered, like definitions, so that two copies of rowshift in one process understand each other.
const missing = Symbol.for('rowshift.to-be-written')

/**
 * Stands for a function that a generated definition still lacks. It type-checks everywhere; a run of the definition is refused
 * before anything is read or changed.
 */
export function toBeWritten(what: string): () => never {
  const refuse = (): never => {
    throw notWritten(undefined, what)
  }
  return Object.defineProperty(refuse, missing, { value: what })
}

/** @throws RowshiftError NOT_WRITTEN when a function of the definition is still to be written */
export function requireFunctions(name: string, functions: readonly unknown[]): void {
  for (const one of functions) {
    const what = (one as { readonly [missing]?: string } | undefined)?.[missing]
    if (what !== undefined) throw notWritten(name, what)
  }
}

function notWritten(name: string | undefined, what: string): RowshiftError {
  const backfill = name === undefined ? 'the definition' : `backfill "${name}"`
  return new RowshiftError('NOT_WRITTEN', {
    message: `${backfill} does not say how to compute ${what}. Replace \`toBeWritten\` in its file by a function. Nothing was changed.`,
    details: { backfill: name },
  })
}
