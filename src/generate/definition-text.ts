import { propertyName, quote } from '../adapters/source-text.js'
import { isComplete, type PlannedBackfill, type PlannedColumn, type TablePlan } from './table-plan.js'

/** The file of a definition: tables and columns by name, the row types of both versions, and no entity. */
export function definitionText(
  plan: TablePlan,
  backfill: PlannedBackfill,
  imports: { readonly history?: string },
): string {
  const { step } = backfill
  const names = [
    'defineBackfill',
    ...(backfill.where?.joins === 'or' ? ['sql'] : []),
    ...(isComplete(backfill) ? [] : ['toBeWritten']),
  ]
  const history =
    step && imports.history ? `import { ${step.history.exportName} } from ${quote(imports.history)}\n` : ''
  return `import { ${names.sort().join(', ')} } from 'rowshift'
${history}
${comment(plan, backfill)}
export const ${backfill.exportName} = defineBackfill({
  name: ${quote(backfill.name)},
  table: ${quote(backfill.table)},
  select: ${columnsText(backfill.select)},
  write: ${columnsText(backfill.write)},
  where: ${whereText(backfill, plan)},
${
  step
    ? `  steps: ${step.history.exportName}.path(${quote(step.from)}, ${quote(step.to)}),
`
    : ''
}  transform: ${step ? upgradeText(plan, backfill, step) : stubText(backfill)},
${reverseText(plan, backfill, step)}})
`
}

function comment(plan: TablePlan, backfill: PlannedBackfill): string {
  const { entity } = plan.change
  const from = plan.from ? ` ${plan.from}` : ''
  const columns = list(backfill.write.map(({ column }) => column))
  if (!backfill.where) {
    return `/**
 * ${entity}${from} to ${plan.to}: rewrites values. Leave in \`write\`, and in what is returned, the columns that the upgrade changes, and
 * say in \`where\` which rows are still to be rewritten: until then the migration refuses to run.
 */`
  }
  const first = `${entity}${from} to ${plan.to}: fills ${columns}.`
  // Which columns a function changes can only be known to who wrote it.
  if (backfill.step)
    return `/** ${first} What else the upgrade changes belongs in \`write\`, and in what is returned. */`
  return `/**
 * ${first} Replace \`toBeWritten\` by a function: until then the migration refuses to run.
 * Leave in \`select\` only what the function reads: a row is read again when one of these columns changes meanwhile.
 */`
}

function columnsText(columns: readonly PlannedColumn[]): string {
  return `{ ${columns.map((column) => `${propertyName(column.column)}: ${declaration(column)}`).join(', ')} }`
}

function declaration({ word, values }: PlannedColumn): string {
  if (!values) return quote(word)
  return `[${[...values.map(quote), ...(word.endsWith('?') ? ['null'] : [])].join(', ')}]`
}

function whereText({ where }: PlannedBackfill, { from, to }: TablePlan): string {
  if (!where)
    return `toBeWritten.where(${quote(`still as ${from ?? 'the version before'} has them, and not as ${to}`)})`
  if (where.joins === 'and') return `{ ${where.columns.map((column) => `${propertyName(column)}: null`).join(', ')} }`
  return `sql\`${where.columns.map((column) => `\${sql.id(${quote(column)})} is null`).join(' or ')}\``
}

type Step = NonNullable<PlannedBackfill['step']>

function upgradeText(plan: TablePlan, backfill: PlannedBackfill, step: Step): string {
  const isOld = (column: PlannedColumn) => !plan.change.added.some(({ name }) => name === column.column)
  const read = backfill.select.filter(isOld)
  // Columns that are dropped may be NULL by their declaration, and never are.
  const record = recordText(read, new Set(backfill.where ? backfill.restored : []))
  const after = `${step.history.exportName}.convert(${record}, { from: ${quote(step.from)}, to: ${quote(step.to)}, as: 'plain' })`
  const changes = backfill.write.map(({ column, property, word }) => {
    const value = `after${access(property)}${word.endsWith('?') ? ' ?? null' : ''}`
    return `${propertyName(column)}: ${value}`
  })
  const skip = backfill.mayStayNull
    ? `    if (${backfill.write.map(({ property }) => `after${access(property)} == null`).join(' && ')}) return undefined
`
    : ''
  return `(row) => {
    const after = ${after}
${skip}    return { ${changes.join(', ')} }
  }`
}

/** The row as a version's shape has it. */
function recordText(columns: readonly PlannedColumn[], relaxed: ReadonlySet<string>): string {
  const isSame = columns.every(
    ({ column, property, isTyped }) => column === property && !isTyped && !relaxed.has(column),
  )
  if (isSame) return 'row'
  const members = columns.map(({ column, property, isTyped }) => {
    const value = `row${access(column)}${relaxed.has(column) ? '!' : ''}${isTyped ? ' as never' : ''}`
    return `${propertyName(property)}: ${value}`
  })
  return `{ ${members.join(', ')} }`
}

function stubText(backfill: PlannedBackfill): string {
  return `toBeWritten(${quote(`the values of ${list(backfill.write.map(({ column }) => column))}`)})`
}

function reverseText(plan: TablePlan, backfill: PlannedBackfill, step: Step | undefined): string {
  const restored = backfill.restored.map((column) => `"${column}"`).join(', ')
  if (backfill.reverse === 'not-needed') return `  reverse: 'not-needed',\n`
  if (backfill.reverse === 'lost' && !backfill.where) {
    return '  // The old values are gone, so taking this back is refused. Write `reverse` here, or a downgrade, if they can be computed.\n'
  }
  if (backfill.reverse === 'lost' || !step) {
    const remedy = step ? 'Write `reverse` here, or a downgrade' : 'Write `reverse: (row) => ({ ... })`'
    return `  // ${restored} would be empty after taking this back, so that is refused. ${remedy}, if it can be computed.\n`
  }
  const isOverwritten = (name: string) => plan.choice.shadows.some(({ column }) => column === name)
  const isWritten = (name: string) => backfill.write.some(({ column }) => column === name)
  const newer = [
    ...backfill.select.filter(({ column }) => !isOverwritten(column) && !isWritten(column)),
    ...backfill.write,
  ].flatMap(({ laterProperty, ...column }) =>
    laterProperty === undefined ? [] : [{ ...column, laterProperty, property: laterProperty }],
  )
  const isRestored = new Set(backfill.restored)
  const before = `${step.history.exportName}.convert(${recordText(newer, new Set())}, { from: ${quote(step.to)}, to: ${quote(step.from)}, as: 'plain' })`
  const members = backfill.select
    .filter(({ column }) => isRestored.has(column))
    .map(({ column, property }) => `${propertyName(column)}: before${access(property)}`)
  return `  reverse: (row) => {
    const before = ${before}
    return { ${members.join(', ')} }
  },
`
}

const access = (property: string): string =>
  propertyName(property) === property ? `.${property}` : `[${quote(property)}]`

function list(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(', ')
}
