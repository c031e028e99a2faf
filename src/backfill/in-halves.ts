/** Why an attempt at some rows has failed. */
export interface Fault {
  readonly error: unknown
}

/**
 * Tries rows together; if that fails, their two halves, and so on: `blamed` is told of each row that fails by itself, and all others
 * are done. What an attempt has to wait for, it yields.
 */
export function* inHalves<R, Y, N>(
  rows: readonly R[],
  attempt: (rows: readonly R[]) => Generator<Y, Fault | undefined, N>,
  blamed: (row: R, error: unknown) => void,
): Generator<Y, void, N> {
  if (rows.length === 0) return
  const fault = yield* attempt(rows)
  if (!fault) return
  if (rows.length === 1) return blamed(rows[0]!, fault.error)
  const half = Math.ceil(rows.length / 2)
  yield* inHalves(rows.slice(0, half), attempt, blamed)
  yield* inHalves(rows.slice(half), attempt, blamed)
}
