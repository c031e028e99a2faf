import { type History, historyOf } from './version-history.js'

/** Versions that a module exports. */
export interface ExportedVersions {
  readonly history: History
  /** What `defineVersions` returned. */
  readonly versions: unknown
}

/** Under whatever names, within a default export too, which is what CommonJS becomes when it is imported. */
export function versionsIn(module: Readonly<Record<string, unknown>>): readonly ExportedVersions[] {
  const { default: whole, ...named } = module
  const values = [...Object.values((whole ?? {}) as object), whole, ...Object.values(named)]
  return [...new Set(values)].flatMap((versions) => {
    const history = historyOf(versions)
    return history ? [{ history, versions }] : []
  })
}
