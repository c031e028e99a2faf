import { dirname, resolve } from 'node:path'
import { compare } from 'semver'
import type { SchemaReader, SchemaStages, TableChange, TableChoice } from '../adapters/schema.js'
import { parseTableName } from '../backfill/definition/table-name.js'
import type { DdlStatements } from '../dialects/ddl.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { askOnline } from './ask-online.js'
import { definitionText } from './definition-text.js'
import { type MigrationClass, migrationText, type Part } from './migration-text.js'
import { definitionNames, migrationPlace } from './names.js'
import { planTable, stepOf } from './plan-table.js'
import type { ProjectStyle } from './project-style.js'
import { type PossibleRename, parseRenames, requireUsed, resolveRenames } from './renames.js'
import { splitOnline } from './split-online.js'
import type { EntityVersions, PlannedBackfill, TablePlan } from './table-plan.js'

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

export interface GeneratedFile {
  readonly path: string
  readonly text: string
}

export interface Generated {
  readonly files: readonly GeneratedFile[]
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
  /** The contract comes from a second call, once the first migration is applied and its runs are completed. */
  readonly isContractPending: boolean
}

/** What leads from the tables as they are to the code as it is. Writes nothing. */
export async function generate(request: GenerateRequest): Promise<Generated> {
  const { reader } = request
  const answers = parseRenames(request.renames)
  const changes = reader.tables.filter((change) => needsMigration(change, request.versionsOf(change)))
  requireUsed(answers, changes)
  const plans: TablePlan[] = []
  for (const change of changes) {
    const versions = request.versionsOf(change)
    const shape = stepOf(versions)?.history.shape(versions.code!)
    const explained = new Set(Object.keys(shape ?? {}).map((property) => change.columnOf(property)))
    const renames = await resolveRenames(change, answers, (column) => explained.has(column), request.ask)
    plans.push(planTable(change, versions, renames))
  }
  if (plans.length === 0) return { files: [], tables: [], unwritten: [], lost: [], isContractPending: false }
  const choices = new Map<string, TableChoice>(plans.map(({ change, choice }) => [change.table, choice]))
  const stages = await reader.stages(choices)
  return assemble(request, plans, stages)
}

/** @throws RowshiftError VERSION_MISSING, SCHEMA_DRIFT, VERSION_BEHIND when a change cannot be told from an accident */
function needsMigration(change: TableChange, { code, recorded }: EntityVersions): boolean {
  const columns = [...change.added, ...change.dropped, ...change.changed.map(({ after }) => after)].map(
    ({ name }) => name,
  )
  const named = columns.length > 0 ? ` (${columns.map((name) => `"${name}"`).join(', ')})` : ''
  const details = { table: change.table, entity: change.entity, columns }
  if (code === undefined) {
    if (!change.isChanged) return false
    throw new RowshiftError('VERSION_MISSING', {
      message: `entity "${change.entity}" and its table "${change.table}" differ${named}, and the entity has no version. Put @SchemaVersion('1.0.0') above it, or the next version if it has had one.`,
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
    message: `entity "${change.entity}" and its table "${change.table}" differ${named}, but both are ${code}. Raise @SchemaVersion, or undo the change of the table.`,
    details,
  })
}

async function assemble(
  request: GenerateRequest,
  plans: readonly TablePlan[],
  stages: SchemaStages,
): Promise<Generated> {
  const { style, timestamp, path } = request
  const gates = await scheduledRuns(request, plans)
  const definitions = plans.flatMap((plan) =>
    plan.backfill && !gates.has(plan) ? [{ plan, backfill: plan.backfill }] : [],
  )
  const definitionFile = (backfill: PlannedBackfill) => resolve(request.backfillsFolder, `${backfill.fileName}.ts`)
  const steps = (list: SchemaStages['expand']): readonly Part[] =>
    list.map((step) => ({ kind: 'step', ...askOnline(step, request.ddl) }))
  const isProgressive = request.isProgressive && definitions.length > 0
  const expand: Part[] = [
    ...steps(stages.expand),
    ...definitions.map(({ backfill }): Part => ({ kind: isProgressive ? 'schedule' : 'backfill', backfill })),
  ]
  const recorded = plans.map((plan): Part => ({ kind: 'version', plan }))
  const lost = plans.flatMap((plan) =>
    gates.get(plan)?.isReversible ? [] : plan.lost.map(({ name }) => ({ table: plan.change.table, column: name })),
  )
  const summary = `${plans.map(({ change, from, to }) => `${change.entity} ${from === undefined ? '' : `${from} to `}${to}`).join(', ')}.`
  const files: GeneratedFile[] = []
  const write = async (file: string, text: string) => {
    files.push({ path: file, text: await style.format(file, text) })
  }
  const migration = async (
    suffix: string,
    offset: number,
    content: Pick<MigrationClass, 'parts' | 'lost' | 'summary' | 'isOnline'>,
  ) => {
    const place = migrationPlace(`${path}${suffix}`, timestamp + offset, '.ts')
    const imports = new Map([
      ...definitions.map(
        ({ backfill }) => [backfill.exportName, style.importPath(place.file, definitionFile(backfill))] as const,
      ),
      ...[...gates.values()].map((gate) => [gate.exportName, style.importPath(place.file, gate.file)] as const),
    ])
    await write(place.file, migrationText({ className: place.className, definitions: imports, ...content }))
  }

  for (const { plan, backfill } of definitions) {
    const file = definitionFile(backfill)
    const history = backfill.step && { history: style.importPath(file, backfill.step.history.file) }
    await write(file, definitionText(plan, backfill, history ?? {}))
  }
  const gateParts = [...gates].map(
    ([plan, gate]): Part => ({
      kind: 'gate',
      backfill: {
        ...(plan.backfill ?? { ...definitionNames(plan.change.table, plan.to) }),
        exportName: gate.exportName,
        reverse: gate.isReversible ? 'not-needed' : 'lost',
        restored: gate.isReversible ? [] : plan.lost.map(({ name }) => name),
      } as PlannedBackfill,
    }),
  )
  const isModeAll = request.reader.transactionMode === 'all'
  const isContractPending = isProgressive && isModeAll
  const couldBePrepared = splitOnline(stages.contract, plans, request.ddl).preparations.length > 0
  const notes: readonly Part[] = isModeAll && couldBePrepared ? [{ kind: 'note', text: plainBuilds }] : []
  const analyze = [...definitions.map(({ plan }) => plan), ...gates.keys()].map(({ change: { table } }): Part => {
    const statement = request.ddl.analyze(parseTableName(table)).text
    return { kind: 'analyze', table, statement }
  })
  const inPlace = (contract: readonly Part[]) =>
    request.ddl.analyzesAfterContract ? [...contract, ...analyze] : [...analyze, ...contract]
  const whole = inPlace([...notes, ...steps(stages.contract)])
  if (!isProgressive) await migration('', 0, { summary, lost, parts: [...expand, ...gateParts, ...whole, ...recorded] })
  else {
    const first = `${summary} First half: new columns, and runs for background workers.`
    await migration('', 0, { summary: first, lost: [], parts: expand })
    if (!isContractPending) {
      const allGates = [...definitions.map(({ backfill }): Part => ({ kind: 'gate', backfill })), ...gateParts]
      const split = splitOnline(stages.contract, plans, request.ddl)
      const online = split.preparations.map((preparation): Part => ({ kind: 'online', preparation }))
      if (online.length > 0) {
        const between = `${summary} Between the halves, outside a transaction: what reads whole tables, while writers go on.`
        await migration('Online', 1, {
          summary: between,
          lost: [],
          isOnline: true,
          parts: [...allGates, ...inPlace(online)],
        })
      }
      const second = `${summary} Second half: the gate, and behind it what the old version would not have borne.`
      const rest = steps(split.contract)
      const parts = [...allGates, ...(online.length > 0 ? rest : inPlace(rest)), ...recorded]
      await migration('Contract', 2, { summary: second, lost, parts })
    }
  }
  return {
    files,
    tables: plans.map(({ change, from, to }) => ({ table: change.table, entity: change.entity, from, to })),
    unwritten: definitions.filter(({ backfill }) => !backfill.step).map(({ backfill }) => definitionFile(backfill)),
    lost: lost.map(({ table, column }) => `${table}.${column}`),
    isContractPending,
  }
}

const plainBuilds =
  'Built while writers wait: in transaction mode "all" TypeORM runs no migration outside a transaction. In mode "each" --progressive prepares it.'

type Scheduled = NonNullable<Awaited<ReturnType<GenerateRequest['scheduled']>>>

/** Tables that an earlier migration has expanded: the run it scheduled is what tells. */
async function scheduledRuns(
  request: GenerateRequest,
  plans: readonly TablePlan[],
): Promise<ReadonlyMap<TablePlan, Scheduled>> {
  const found = new Map<TablePlan, Scheduled>()
  for (const plan of plans) {
    const run = await request.scheduled(definitionNames(plan.change.table, plan.to).name)
    if (run) found.set(plan, run)
  }
  return found
}

/** Where definitions go when the config names no folder of its own: beside the migrations. */
export function defaultBackfillsFolder(path: string): string {
  return resolve(dirname(path), '../backfills')
}
