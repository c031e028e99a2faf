import { dirname, resolve } from 'node:path'
import { compare } from 'semver'
import type { SourceFile } from '../adapters/migration-file.js'
import type { SchemaReader, TableChange, TableChoice } from '../adapters/schema.js'
import type { DdlStatements } from '../dialects/ddl.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { assemble } from './assemble.js'
import { planTable, stepOf } from './plan-table.js'
import type { ProjectStyle } from './project-style.js'
import { type PossibleRename, parseRenames, requireUsed, resolveRenames } from './renames.js'
import type { EntityVersions, TablePlan } from './table-plan.js'

export interface GenerateRequest {
  readonly reader: SchemaReader
  readonly ddl: DdlStatements
  versionsOf(change: TableChange): EntityVersions
  /** The file and name of a definition whose run was scheduled by an earlier migration. */
  scheduled(
    name: string,
  ): Promise<{ readonly file: string; readonly exportName: string; readonly isReversible: boolean } | undefined>
  /** `src/migrations/CitySlug` */
  readonly path: string
  readonly timestamp: number
  /** Where definitions are written. */
  readonly backfillsFolder: string
  readonly style: ProjectStyle
  readonly renames: readonly string[]
  readonly ask: ((rename: PossibleRename) => Promise<boolean>) | undefined
  readonly isProgressive: boolean
}

export interface Generated {
  readonly files: readonly SourceFile[]
  readonly tables: readonly {
    readonly table: string
    readonly entity: string
    readonly from: string | undefined
    readonly to: string
  }[]
  /** Definitions that wait for their function. */
  readonly unwritten: readonly string[]
  /** What nothing can bring back. */
  readonly lost: readonly string[]
  /** What definitions bring back once they have a `reverse`, which nobody has written yet. */
  readonly irreversible: readonly { readonly file: string; readonly columns: readonly string[] }[]
  /** The contract comes from a second call, once the first migration is applied and its runs are completed. */
  readonly isContractPending: boolean
  /** The command that runs the migrations. */
  readonly runCommand: string
}

/** How people state a version in an ORM's code. */
export interface VersionNotation {
  /** `@SchemaVersion` */
  readonly name: string
  /** `@SchemaVersion('1.0.0')` */
  readonly first: string
}

const decorator: VersionNotation = { name: '@SchemaVersion', first: "@SchemaVersion('1.0.0')" }

/** What leads from the tables as they are to the code as it is. Writes nothing. */
export async function generate(request: GenerateRequest): Promise<Generated> {
  const { reader } = request
  const plans = await planChanges({ ...request, tables: reader.tables, notation: decorator })
  if (plans.length === 0) {
    const { runCommand } = reader.migrations
    return { files: [], tables: [], unwritten: [], lost: [], irreversible: [], isContractPending: false, runCommand }
  }
  const choices = new Map<string, TableChoice>(plans.map(({ change, choice }) => [change.table, choice]))
  const stages = await reader.stages(choices)
  return assemble(request, plans, stages)
}

export interface PlanRequest extends Pick<GenerateRequest, 'versionsOf' | 'renames' | 'ask'> {
  readonly tables: readonly TableChange[]
  readonly notation: VersionNotation
}

/**
 * Decides for each table that differs how it gets from its recorded version to the code's.
 * @throws RowshiftError VERSION_MISSING, SCHEMA_DRIFT, VERSION_BEHIND, RENAME_UNCLEAR, INVALID_USAGE
 */
export async function planChanges(request: PlanRequest): Promise<readonly TablePlan[]> {
  const { tables, notation } = request
  const answers = parseRenames(request.renames)
  const changes = tables.filter((change) => needsMigration(change, request.versionsOf(change), notation))
  requireUsed(answers, changes)
  const plans: TablePlan[] = []
  for (const change of changes) {
    const versions = request.versionsOf(change)
    const shape = stepOf(versions)?.history.shape(versions.code!)
    const explained = new Set(Object.keys(shape ?? {}).map((property) => change.columnOf(property)))
    const renames = await resolveRenames(change, answers, (column) => explained.has(column), request.ask)
    plans.push(planTable(change, versions, renames))
  }
  return plans
}

/** @throws RowshiftError VERSION_MISSING, SCHEMA_DRIFT, VERSION_BEHIND when a change cannot be told from an accident */
function needsMigration(change: TableChange, { code, recorded }: EntityVersions, notation: VersionNotation): boolean {
  const columns = [...change.added, ...change.dropped, ...change.changed.map(({ after }) => after)].map(
    ({ name }) => name,
  )
  const different = [...columns, ...change.related]
  const named = different.length > 0 ? ` (${different.map((name) => `"${name}"`).join(', ')})` : ''
  const details = { table: change.table, entity: change.entity, columns }
  if (code === undefined) {
    if (!change.isChanged) return false
    throw new RowshiftError('VERSION_MISSING', {
      message: `entity "${change.entity}" and its table "${change.table}" differ${named}, and the entity has no version. Put ${notation.first} above it, or the next version if it has had one.`,
      details,
    })
  }
  if (recorded !== undefined && compare(code, recorded) < 0) {
    throw new RowshiftError('VERSION_BEHIND', {
      message: `entity "${change.entity}" is ${code}, but its table "${change.table}" is ${recorded} already. Check out the newer code, or revert its migrations.`,
      details: { ...details, code, recorded },
    })
  }
  if (recorded !== code) return true
  if (!change.isChanged) return false
  throw new RowshiftError('SCHEMA_DRIFT', {
    message: `entity "${change.entity}" and its table "${change.table}" differ${named}, but both are ${code}. Raise ${notation.name}, or undo the change of the table.`,
    details,
  })
}

/** Where definitions go when the config names no folder of its own: beside the migrations. */
export function defaultBackfillsFolder(path: string): string {
  return resolve(dirname(path), '../backfills')
}
