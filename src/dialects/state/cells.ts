import type { Cell } from '../script.js'

/** A cell of the state tables as text; NULL as undefined. */
export const text = (cell: Cell | undefined): string | undefined =>
  cell === null || cell === undefined ? undefined : String(cell)

export const number = (cell: Cell | undefined): number | undefined =>
  cell === null || cell === undefined ? undefined : Number(cell)
