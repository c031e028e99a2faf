import { findExport } from '../adapters/find-export.js'
import type { VersionHistory } from '../generate/table-plan.js'
import { columnsOf } from '../schema-version/shape.js'
import { historyOf } from '../schema-version/version-history.js'

/** What `defineVersions` returned, if it is exported from a file that a definition can import. */
export function placedHistory(of: unknown): VersionHistory | undefined {
  const history = historyOf(of)
  const place = findExport(of)
  if (!history || !place) return undefined
  return {
    ...place,
    versions: history.versions,
    shape(version) {
      const shape = history.shape(version)
      return shape && columnsOf(shape)
    },
    hasPath: (from, to) => history.hasPath(from, to),
    hasFunction: (from, to) => history.hasFunction(from, to),
  }
}
