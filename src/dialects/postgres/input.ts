import type { RowSpeller, UpdateRow } from '../dialect.js'
import { type Sql, sql } from '../sql.js'

/* Rows as parameters: an array a column, whatever the number of rows. */

export interface InputColumn {
  readonly name: Sql
  /** Of the row's cell. */
  readonly position: number
}

export const inputColumns = (prefix: string, from: number, count: number): InputColumn[] =>
  Array.from({ length: count }, (_, i) => ({ name: sql.id(`rs_${prefix}${i}`), position: from + i }))

/** Elements that are joined at once: a text that grows by one at a time consists of as many pieces, which live as long as it does. */
const elementsPerPiece = 256

/** Makes an array literal of each column: '{"1","it\"s",NULL}'. */
export function arrayLiterals(columns: readonly InputColumn[]): RowSpeller {
  const literals = columns.map(({ position }) => new ArrayLiteral(position))
  return {
    add(row) {
      for (const literal of literals) literal.add(row)
    },
    texts: () => literals.map((literal) => literal.text()),
  }
}

class ArrayLiteral {
  #elements: (string | null)[] = []
  #hasNull = false
  readonly #pieces: string[] = []

  constructor(private readonly position: number) {}

  add(row: UpdateRow): void {
    const text = row[this.position] ?? null
    if (text === null) this.#hasNull = true
    this.#elements.push(text && escaped(text))
    if (this.#elements.length === elementsPerPiece) this.#join()
  }

  text(): string {
    if (this.#elements.length > 0) this.#join()
    return `{${this.#pieces.join()}}`
  }

  #join(): void {
    const elements = this.#elements
    // Quotes that come with the separators cost no text of their own.
    const piece = this.#hasNull ? elements.map(quoted).join() : `"${elements.join('","')}"`
    this.#pieces.push(piece)
    this.#elements = []
    this.#hasNull = false
  }
}

const quoted = (text: string | null): string => (text === null ? 'NULL' : `"${text}"`)

function escaped(text: string): string {
  return text.includes('"') || text.includes('\\') ? text.replace(/["\\]/g, '\\$&') : text
}

/** unnest($1::text[], $2::text[], ...) with ordinality as v(k0, t0, w0, ord) */
export function input(rows: readonly UpdateRow[], columns: readonly InputColumn[]): Sql {
  const literals = arrayLiterals(columns)
  for (const row of rows) literals.add(row)
  return unnested(literals.texts(), columns)
}

/** The same of literals. */
export function unnested(literals: readonly string[], columns: readonly InputColumn[]): Sql {
  const arrays = literals.map((literal) => sql`cast(${literal} as text[])`)
  return sql`unnest(${sql.join(arrays)}) with ordinality as v(${sql.join(columns.map(({ name }) => name))}, rs_ord)`
}
