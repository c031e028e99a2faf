import type { Key } from '../../dialects/dialect.js'
import { type Workplace, withFaultsMended } from '../connection/mend.js'
import { reading, readModeIn } from '../connection/transaction.js'
import { readLastKey, readPage } from '../pages/keyset-reader.js'
import type { PreparedBackfill } from '../prepare/prepare-backfill.js'
import { asksOf } from '../transform/asks.js'
import { type Changes, transformRows } from '../transform/transform.js'

/** Rows transformed at a time. */
const rowsPerPage = 1_000

/**
 * The first key found whose row has other values than its transform makes of it; undefined = there is none. Reads every row. Columns that
 * are made unique are passed over: which suffix a value has is no matter of its row alone.
 */
export async function findStale(place: Workplace, { definition, follow, work }: PreparedBackfill) {
  if (!follow || work.form !== 'transform') return undefined
  const { dialect, scope } = place
  const { plan } = follow
  const mode = readModeIn(scope)
  const doing = `comparing the rows of backfill "${definition.name}" with what they should be`
  const upTo = await withFaultsMended(place, { doing }, (session) =>
    session.run(reading(dialect, scope, readLastKey(dialect, plan, mode))),
  )
  if (!upTo) return undefined
  const { unique } = work.work
  const staleIn = ({ sets }: Changes): Key | undefined => {
    const found = sets.find(({ columns }) => columns.some(({ property }) => !unique.has(property)))
    return found?.rows[0]?.slice(0, plan.info.key.length) as string[] | undefined
  }
  for (let after: Key | undefined; ; ) {
    const range = { after, upTo, limit: rowsPerPage }
    const page = await withFaultsMended(place, { doing }, (session) =>
      session.run(reading(dialect, scope, readPage(dialect, plan, range, mode))),
    )
    const stale = staleIn(await transformRows(work, page.rows, asksOf(place, work.backfill)))
    if (stale || page.isLast) return stale
    after = page.last
  }
}
