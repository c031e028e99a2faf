import { RowshiftError } from '../errors/rowshift-error.js'

/**
 * Lets a record pass or leaves it out: `convertAll`, `convertStream` and files count it as filtered, not as failed. `convert`, which has
 * one record to give, throws.
 *
 * @throws RowshiftError RECORD_FILTERED
 */
export function filter<R>(accepts: (row: R) => boolean): (row: R) => R {
  return (row) => {
    if (accepts(row)) return row
    throw new RowshiftError('RECORD_FILTERED', {
      message:
        'a filter leaves this record out. `convertAll` and `convertStream` go on without it; `convert` has no other to give.',
    })
  }
}
