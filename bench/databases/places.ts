import { slugOf } from './city-table.js'

/* Rows that an application creates. */

export interface Place {
  id: number
  name: string
  slug: string
}

/** `save` looks for its rows by a condition each, of which SQLite takes a thousand. */
const pageRows = 500

/** New rows, a page at a time. */
export function* placesOf(rows: number): Generator<Place[]> {
  for (let first = 1; first <= rows; first += pageRows)
    yield Array.from({ length: Math.min(pageRows, rows - first + 1) }, (_, i) => {
      const name = `Villa Nueva ${first + i}`
      return { id: first + i, name, slug: slugOf(name) }
    })
}
