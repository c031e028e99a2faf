import type { SchemaStatement, SchemaStep } from '../adapters/schema.js'
import type { OnlinePreparation } from '../dialects/ddl.js'
import type { PlannedBackfill, TablePlan } from './table-plan.js'
import { quote, template } from './typescript.js'

/** One call or statement of a migration, with the comment above it. */
export type Part =
  | { readonly kind: 'step'; readonly step: SchemaStep; readonly reasons: readonly string[] }
  | { readonly kind: 'backfill' | 'schedule' | 'gate'; readonly backfill: PlannedBackfill }
  | { readonly kind: 'online'; readonly preparation: OnlinePreparation }
  | { readonly kind: 'version'; readonly plan: TablePlan }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'analyze'; readonly table: string; readonly statement: string }

export interface MigrationClass {
  readonly className: string
  /** What it is about, above the class. */
  readonly summary: string
  readonly parts: readonly Part[]
  /** Runs outside a transaction, in the modes that allow it. */
  readonly isOnline?: boolean
  /** What `down` must refuse before its first statement. */
  readonly lost: readonly { readonly table: string; readonly column: string }[]
  /** From the migration's file to the definitions', by export name. */
  readonly definitions: ReadonlyMap<string, string>
}

/** A stock TypeORM migration class: SQL as it was on this day, and no entity. */
export function migrationText(migration: MigrationClass): string {
  const up = [...migration.parts.flatMap(unwritten), ...migration.parts.flatMap(upLines)]
  // Last: what is recorded of a table are its columns at that moment.
  const steps = migration.parts.filter(({ kind }) => kind !== 'version').reverse()
  const versions = migration.parts.filter(({ kind }) => kind === 'version')
  const down = [...refusals(migration), ...[...steps, ...versions].flatMap(downLines)]
  const calls = callsIn([...up, ...down])
  const used = [...migration.definitions].filter(([name]) =>
    [...up, ...down].some((line) => line.includes(`, ${name})`) || line.includes(`(${name})`)),
  )
  const imports = [
    ...(calls.length > 0 ? [`import { ${calls.join(', ')} } from 'rowshift/typeorm'`] : []),
    `import type { MigrationInterface, QueryRunner } from 'typeorm'`,
    ...used.map(([name, path]) => `import { ${name} } from ${quote(path)}`),
  ]
  return `${imports.join('\n')}

/** ${migration.summary} */
export class ${migration.className} implements MigrationInterface {
  name = ${quote(migration.className)}
${migration.isOnline ? '  transaction = false\n' : ''}
  async up(queryRunner: QueryRunner): Promise<void> {
${indent(up)}
  }

  async down(queryRunner: QueryRunner): Promise<void> {
${indent(down)}
  }
}
`
}

function callsIn(lines: readonly string[]): readonly string[] {
  const names = [
    'backfill',
    'buildOnline',
    'recordVersion',
    'refuseLoss',
    'requireCompleted',
    'requireReversible',
    'requireWritten',
    'schedule',
    'undo',
  ]
  return names.filter((name) => lines.some((line) => new RegExp(`^(await )?${name}\\(`).test(line)))
}

/** Data that cannot be brought back is said before anything runs. */
function refusals({ lost, parts, isOnline }: MigrationClass): readonly string[] {
  const definitions = parts.flatMap((part) =>
    'backfill' in part && part.backfill.reverse === 'lost' && part.backfill.restored.length > 0 && !isOnline
      ? [part.backfill]
      : [],
  )
  return [
    ...(lost.length > 0
      ? [
          '// Their values are gone. Without this line the columns come back empty.',
          `refuseLoss(${lost.map(({ table, column }) => quote(`${table}.${column}`)).join(', ')})`,
        ]
      : []),
    ...definitions.flatMap(({ exportName, restored }) => [
      `// ${restored.map((column) => `"${column}"`).join(', ')} can be brought back once the definition has a \`reverse\`.`,
      `requireReversible(${exportName})`,
    ]),
  ]
}

/** Where DDL commits at once, a definition that cannot run must be found out before the first statement. */
function unwritten(part: Part): readonly string[] {
  if ((part.kind !== 'backfill' && part.kind !== 'schedule') || part.backfill.step) return []
  return [`requireWritten(${part.backfill.exportName})`, '']
}

function upLines(part: Part): readonly string[] {
  switch (part.kind) {
    case 'step':
      return [
        `// ${part.step.what}.`,
        ...part.reasons.map((reason) => `// ${reason}.`),
        ...part.step.up.map(statementText),
        '',
      ]
    case 'backfill':
      return [
        '// Fills the rows that are there. Whatever happens, each is written once or listed with its reason.',
        `await backfill(queryRunner, ${part.backfill.exportName})`,
        '',
      ]
    case 'schedule':
      return [
        '// Background workers fill the rows: `rowshift work`, on as many machines as you like.',
        `await schedule(queryRunner, ${part.backfill.exportName})`,
        '',
      ]
    case 'gate':
      return [
        '// Refuses to go on until every row is filled and verified.',
        `await requireCompleted(queryRunner, ${part.backfill.exportName})`,
        '',
      ]
    case 'online':
      return [
        `// ${part.preparation.why}.`,
        'await buildOnline(queryRunner, [',
        ...part.preparation.prepare.map((text) => `  ${template(text)},`),
        '])',
        '',
      ]
    case 'version':
      return [`await recordVersion(queryRunner, ${quote(part.plan.change.table)}, ${quote(part.plan.to)}, this.name)`]
    case 'note':
      return [`// ${part.text}`, '']
    case 'analyze':
      return [
        `// Statistics of "${part.table}" for the planner: most of its rows have been written.`,
        statementText({ text: part.statement, parameters: [] }),
        '',
      ]
  }
}

function downLines(part: Part): readonly string[] {
  switch (part.kind) {
    case 'step':
      return part.step.down.map(statementText)
    case 'backfill':
    case 'schedule':
      return [...keptLines(part.backfill), `await undo(queryRunner, ${part.backfill.exportName})`]
    case 'gate':
    case 'note':
    case 'analyze':
      return []
    case 'online':
      return part.preparation.clear.map((text) => statementText({ text, parameters: [] }))
    case 'version':
      return [
        `await recordVersion(queryRunner, ${quote(part.plan.change.table)}, ${part.plan.from === undefined ? 'undefined' : `${quote(part.plan.from)}, this.name`})`,
      ]
  }
}

function keptLines({ kept }: PlannedBackfill): readonly string[] {
  if (kept.length === 0) return []
  const columns = kept.map((column) => `"${column}"`).join(', ')
  return [`// ${columns}: values that took the place of NULL stay, unless the run kept a journal.`]
}

function statementText({ text, parameters }: SchemaStatement): string {
  const bound = parameters.length > 0 ? `, ${JSON.stringify(parameters)}` : ''
  return `await queryRunner.query(${template(text)}${bound})`
}

function indent(lines: readonly string[]): string {
  const trimmed = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  return trimmed.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')
}
