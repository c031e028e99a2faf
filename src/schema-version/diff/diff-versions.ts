import type { Versions } from '../define-versions.js'
import { schemaOfVersion } from '../json-schema/json-schema.js'
import { isClass, isField, isSchema } from '../shape.js'
import { type History, historyOf } from '../version-history.js'
import { diffSchemas, type ProbableRename, type SchemaDiff } from './diff-schemas.js'

/** What changed from one version to another. */
export interface VersionDiff extends SchemaDiff {
  readonly name: string
  readonly from: string
  readonly to: string
  /** Whether steps lead from the one to the other. */
  readonly hasPath: boolean
}

/**
 * What changed between two versions: fields added, removed and changed, probable renames, and whether it breaks. By class-validator's
 * metadata, by columns, or by the JSON Schema of a Standard Schema. {@link diffMarkdown} writes it for people, {@link proposeStep} as code.
 *
 * @throws RowshiftError VERSION_UNKNOWN, UNSUPPORTED_SHAPE
 */
export function diffVersions<M extends object>(
  versions: Versions<M>,
  from: keyof M & string,
  to: keyof M & string,
): VersionDiff {
  return diffHistory(historyOf(versions)!, from, to)
}

/** @throws RowshiftError VERSION_UNKNOWN, UNSUPPORTED_SHAPE */
export function diffHistory(history: History, from: string, to: string): VersionDiff {
  const diff = diffSchemas(schemaOfVersion(history, from), schemaOfVersion(history, to))
  const said = aliasesIn(history, to, diff)
  const guessed = diff.renames.filter((guess) => !said.some((one) => one.from === guess.from || one.to === guess.to))
  return { name: history.name, from, to, hasPath: history.hasPath(from, to), ...diff, renames: [...said, ...guessed] }
}

/** What the target's columns say of their earlier names. */
function aliasesIn(history: History, to: string, { removed, added }: SchemaDiff): readonly ProbableRename[] {
  const shape = history.requireShape(to)
  if (isClass(shape) || isSchema(shape)) return []
  return added.flatMap(({ field }) => {
    const column = shape[field]!
    const alias = isField(column) && removed.find(({ field: old }) => column.aliases.includes(old))
    return alias ? [{ from: alias.field, to: field, likelihood: 1 }] : []
  })
}
