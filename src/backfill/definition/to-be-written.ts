import { type Sql, sql } from '../../dialects/sql.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

// Registered, like definitions, so that two copies of rowshift in one process understand each other.
const missing = Symbol.for('rowshift.to-be-written')

/**
 * Stands for a function that a generated definition still lacks. It type-checks everywhere; a run of the definition is refused
 * before anything is read or changed. `toBeWritten.where` stands for a condition.
 */
export function toBeWritten(what: string): () => never {
  const lack = `how to compute ${what}`
  const refuse = (): never => {
    throw notWritten(undefined, lack)
  }
  return Object.defineProperty(refuse, missing, { value: lack })
}

toBeWritten.where = (rows: string): Sql => Object.freeze({ ...sql`1 = 0`, [missing]: `which rows are ${rows}` })

/** @throws RowshiftError NOT_WRITTEN when a function or the condition of a definition is still to be written */
export function requireParts(name: string, parts: readonly unknown[]): void {
  for (const one of parts) {
    const lack = (one as { readonly [missing]?: string } | null | undefined)?.[missing]
    if (lack !== undefined) throw notWritten(name, lack)
  }
}

function notWritten(name: string | undefined, lack: string): RowshiftError {
  const backfill = name === undefined ? 'the definition' : `backfill "${name}"`
  return new RowshiftError('NOT_WRITTEN', {
    message: `${backfill} does not say ${lack}. Replace \`toBeWritten\` in its file. Nothing was changed.`,
    details: { backfill: name },
  })
}
