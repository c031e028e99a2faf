import { resolve } from 'node:path'
import type { MigrationBackfill, MigrationContent, MigrationPart, SourceFile } from '../adapters/migration-file.js'
import type { SchemaStages, SchemaStep } from '../adapters/schema.js'
import { parseTableName } from '../backfill/definition/table-name.js'
import { askOnline } from './ask-online.js'
import { definitionText } from './definition-text.js'
import type { Generated, GenerateRequest } from './generate.js'
import { definitionNames } from './names.js'
import { splitOnline } from './split-online.js'
import { isComplete, type PlannedBackfill, type TablePlan } from './table-plan.js'

/** Puts what was planned into files: the definitions, and the migrations that run them. */
export async function assemble(
  request: GenerateRequest,
  plans: readonly TablePlan[],
  stages: SchemaStages,
): Promise<Generated> {
  const { style, timestamp, path, ddl } = request
  const { transactionMode, migrations } = request.reader
  const scheduled = await scheduledRuns(request, plans)
  const definitions = plans.flatMap((plan) =>
    plan.backfill && !scheduled.has(plan) ? [{ plan, backfill: plan.backfill }] : [],
  )
  const fileOf = (backfill: PlannedBackfill) => resolve(request.backfillsFolder, `${backfill.fileName}.ts`)
  const written = definitions.map(({ backfill }) => migrationBackfill(backfill, fileOf(backfill)))
  const steps = (list: readonly SchemaStep[]) =>
    list.map((step): MigrationPart => ({ kind: 'step', ...askOnline(step, ddl) }))
  const isProgressive = request.isProgressive && definitions.length > 0
  const expand = [
    ...steps(stages.expand),
    ...written.map((backfill): MigrationPart => ({ kind: isProgressive ? 'schedule' : 'backfill', backfill })),
  ]
  const recorded = plans.map(
    ({ change, from, to }): MigrationPart => ({ kind: 'version', table: change.table, from, to }),
  )
  const lost = plans.flatMap((plan) =>
    scheduled.has(plan) ? [] : plan.lost.map(({ name }) => ({ table: plan.change.table, column: name })),
  )
  const summary = `${plans.map(({ change, from, to }) => `${change.entity} ${from === undefined ? '' : `${from} to `}${to}`).join(', ')}.`
  const gatesBefore = [...scheduled].map(
    ([plan, run]): MigrationPart => ({ kind: 'gate', backfill: scheduledBackfill(plan, run) }),
  )
  const isModeAll = transactionMode === 'all'
  const isContractPending = isProgressive && isModeAll
  const split = splitOnline(stages.contract, plans, ddl)
  const notes: readonly MigrationPart[] =
    isModeAll && split.preparations.length > 0 ? [{ kind: 'unprepared', table: undefined }] : []
  const analyze = [...definitions.map(({ plan }) => plan), ...scheduled.keys()].map(
    ({ change: { table } }): MigrationPart => {
      const { text } = ddl.analyze(parseTableName(table))
      return { kind: 'analyze', table, statement: { text, parameters: [] } }
    },
  )
  const inPlace = (contract: readonly MigrationPart[]) =>
    ddl.analyzesAfterContract ? [...contract, ...analyze] : [...analyze, ...contract]

  const sources: SourceFile[] = definitions.map(({ plan, backfill }) => {
    const file = fileOf(backfill)
    const history = backfill.step && { history: style.importPath(file, backfill.step.history.file) }
    return { path: file, text: definitionText(plan, backfill, history ?? {}) }
  })
  const migration = (
    suffix: string,
    offset: number,
    content: Pick<MigrationContent, 'summary' | 'parts'> & Partial<Pick<MigrationContent, 'lost' | 'isOnline'>>,
  ) => {
    const place = { path: `${path}${suffix}`, timestamp: timestamp + offset }
    const whole = { ...place, lost: [], isOnline: false, hasLockLimits: ddl.hasLockLimits, ...content }
    sources.push(migrations.write(whole, style.importPath))
  }
  if (!isProgressive) {
    const contract = inPlace([...notes, ...steps(stages.contract)])
    migration('', 0, { summary, lost, parts: [...expand, ...gatesBefore, ...contract, ...recorded] })
  } else {
    migration('', 0, {
      summary: `${summary} First half: new columns, and runs for background workers.`,
      parts: expand,
    })
  }
  if (isProgressive && !isContractPending) {
    const gates = [...written.map((backfill): MigrationPart => ({ kind: 'gate', backfill })), ...gatesBefore]
    const online = split.preparations.map((preparation): MigrationPart => ({ kind: 'online', preparation }))
    if (online.length > 0) {
      migration('Online', 1, {
        summary: `${summary} Between the halves, outside a transaction: what reads whole tables, while writers go on.`,
        isOnline: true,
        parts: [...gates, ...inPlace(online)],
      })
    }
    const unprepared = split.unprepared.map((table): MigrationPart => ({ kind: 'unprepared', table }))
    const rest = [...unprepared, ...steps(split.contract)]
    migration('Contract', 2, {
      summary: `${summary} Second half: the gate, and behind it what the old version would not have borne.`,
      lost,
      parts: [...gates, ...(online.length > 0 ? rest : inPlace(rest)), ...recorded],
    })
  }
  const irreversible = [
    ...definitions.map(({ plan, backfill }) => ({ plan, run: migrationBackfill(backfill, fileOf(backfill)) })),
    ...[...scheduled].map(([plan, run]) => ({ plan, run: scheduledBackfill(plan, run) })),
  ]
    .filter(({ run }) => run.lost.length > 0)
    .map(({ plan, run }) => ({ file: run.file, columns: run.lost.map((column) => `${plan.change.table}.${column}`) }))
  return {
    files: await Promise.all(
      sources.map(async (file) => ({ path: file.path, text: await style.format(file.path, file.text) })),
    ),
    tables: plans.map(({ change, from, to }) => ({ table: change.table, entity: change.entity, from, to })),
    unwritten: definitions.filter(({ backfill }) => !isComplete(backfill)).map(({ backfill }) => fileOf(backfill)),
    lost: lost.map(({ table, column }) => `${table}.${column}`),
    irreversible,
    isContractPending,
    runCommand: migrations.runCommand,
  }
}

function migrationBackfill(backfill: PlannedBackfill, file: string): MigrationBackfill {
  return {
    exportName: backfill.exportName,
    file,
    isWritten: isComplete(backfill),
    lost: backfill.reverse === 'lost' ? backfill.restored : [],
    kept: backfill.kept,
  }
}

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

/** The definition as it is by now, whatever would be planned today. */
function scheduledBackfill(plan: TablePlan, { exportName, file, isReversible }: Scheduled): MigrationBackfill {
  const restored = plan.backfill?.restored ?? plan.lost.map(({ name }) => name)
  return { exportName, file, isWritten: true, lost: isReversible ? [] : restored, kept: [] }
}
