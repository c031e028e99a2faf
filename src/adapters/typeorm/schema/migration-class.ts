import { basename, dirname, resolve } from 'node:path'
import type { MigrationBackfill, MigrationContent, MigrationPart, MigrationWriter } from '../../migration-file.js'
import type { SchemaStatement } from '../../schema.js'
import { pascal, quote, template } from '../../source-text.js'

/** Stock TypeORM migration classes: SQL as it was on this day, and no entity. */
export const migrationWriter: MigrationWriter = {
  runCommand: 'typeorm migration:run',
  write(migration, importPath) {
    const { file, className } = placeOf(migration)
    return { path: file, text: classText(migration, className, (to) => importPath(file, to)) }
  },
}

/** As `typeorm migration:generate` has it: `migrations/1763700000002-CitySlug.ts` with `CitySlug1763700000002`. */
function placeOf({ path, timestamp }: MigrationContent): { readonly file: string; readonly className: string } {
  const full = resolve(path)
  const name = basename(full).replace(/\.[cm]?[jt]s$/, '')
  return { file: resolve(dirname(full), `${timestamp}-${name}.ts`), className: `${pascal(name)}${timestamp}` }
}

function classText(migration: MigrationContent, className: string, importPath: (to: string) => string): string {
  const { parts, hasLockLimits } = migration
  const run = hasLockLimits ? limitedLines : plainLines
  const up = [...parts.flatMap(requiredLines), ...parts.flatMap((part) => upLines(part, run))]
  // Last: what is recorded of a table are its columns at that moment.
  const steps = parts.filter(({ kind }) => kind !== 'version').reverse()
  const versions = parts.filter(({ kind }) => kind === 'version')
  const down = [...refusals(migration), ...[...steps, ...versions].flatMap((part) => downLines(part, run))]
  const calls = callsIn([...up, ...down])
  const imports = [
    ...(calls.length > 0 ? [`import { ${calls.join(', ')} } from 'rowshift/typeorm'`] : []),
    `import type { MigrationInterface, QueryRunner } from 'typeorm'`,
    ...backfillsOf(parts).map(({ exportName, file }) => `import { ${exportName} } from ${quote(importPath(file))}`),
  ]
  return `${imports.join('\n')}

${comment(migration)}
export class ${className} implements MigrationInterface {
  name = ${quote(className)}
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

function comment({ summary, hasLockLimits }: MigrationContent): string {
  if (!hasLockLimits) return `/** ${summary} */`
  return `/**
 * ${summary}
 *
 * \`changeSchema\` waits a few seconds at most for a lock, so that nobody queues behind it for long, and tries again.
 */`
}

/** Each once. */
function backfillsOf(parts: readonly MigrationPart[]): readonly MigrationBackfill[] {
  const found = parts.flatMap((part) => ('backfill' in part ? [part.backfill] : []))
  return [...new Map(found.map((backfill) => [backfill.exportName, backfill])).values()]
}

function callsIn(lines: readonly string[]): readonly string[] {
  const names = [
    'backfill',
    'changeSchema',
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
function refusals({ lost, parts, isOnline }: MigrationContent): readonly string[] {
  const irreversible = isOnline ? [] : backfillsOf(parts).filter((backfill) => backfill.lost.length > 0)
  return [
    ...(lost.length > 0
      ? [
          '// Their values are gone. Without this line the columns come back empty.',
          `refuseLoss(${lost.map(({ table, column }) => quote(`${table}.${column}`)).join(', ')})`,
        ]
      : []),
    ...irreversible.flatMap(({ exportName, lost }) => [
      `// ${lost.map((column) => `"${column}"`).join(', ')} can be brought back once the definition has a \`reverse\`.`,
      `requireReversible(${exportName})`,
    ]),
  ]
}

/** Where DDL commits at once, a definition that cannot run must be found out before the first statement. */
function requiredLines(part: MigrationPart): readonly string[] {
  if ((part.kind !== 'backfill' && part.kind !== 'schedule') || part.backfill.isWritten) return []
  return [`requireWritten(${part.backfill.exportName})`, '']
}

/** How statements on the schema are run. */
type RunStatements = (statements: readonly SchemaStatement[]) => readonly string[]

function upLines(part: MigrationPart, run: RunStatements): readonly string[] {
  switch (part.kind) {
    case 'step':
      return [
        `// ${sentence(part.step.what)}`,
        ...part.reasons.map((reason) => `// ${reason}.`),
        ...run(part.step.up),
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
      return [`// ${part.preparation.why}.`, ...run(part.preparation.prepare.map(plain)), '']
    case 'version':
      return [`await recordVersion(queryRunner, ${quote(part.table)}, ${quote(part.to)}, this.name)`]
    case 'unprepared':
      if (part.table !== undefined) {
        return [
          `// Built while writers wait: columns of "${part.table}" get their names in this migration only.`,
          '// With the rename or the new type in a version of its own, `rowshift generate --progressive` prepares the rest.',
          '',
        ]
      }
      return [
        '// Built while writers wait: in transaction mode "all" TypeORM runs no migration outside a transaction.',
        '// In mode "each" `rowshift generate --progressive` prepares it.',
        '',
      ]
    case 'analyze':
      return [
        `// Statistics of "${part.table}" for the planner: most of its rows have been written.`,
        ...run([part.statement]),
        '',
      ]
  }
}

function downLines(part: MigrationPart, run: RunStatements): readonly string[] {
  switch (part.kind) {
    case 'step':
      return run(part.step.down)
    case 'backfill':
    case 'schedule':
      return [...keptLines(part.backfill), `await undo(queryRunner, ${part.backfill.exportName})`]
    case 'gate':
    case 'unprepared':
    case 'analyze':
      return []
    case 'online':
      return run(part.preparation.clear.map(plain))
    case 'version':
      return [
        `await recordVersion(queryRunner, ${quote(part.table)}, ${part.from === undefined ? 'undefined' : `${quote(part.from)}, this.name`})`,
      ]
  }
}

function keptLines({ kept }: MigrationBackfill): readonly string[] {
  if (kept.length === 0) return []
  const columns = kept.map((column) => `"${column}"`).join(', ')
  return [`// ${columns}: values that took the place of NULL stay, unless the run kept a journal.`]
}

const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}.`

const plain = (text: string): SchemaStatement => ({ text, parameters: [] })

function plainLines(statements: readonly SchemaStatement[]): readonly string[] {
  return statements.map(({ text, parameters }) => {
    const bound = parameters.length > 0 ? `, ${JSON.stringify(parameters)}` : ''
    return `await queryRunner.query(${template(text)}${bound})`
  })
}

/** One call for a step. TypeORM's notes on its own tables have parameters and wait for nobody. */
function limitedLines(statements: readonly SchemaStatement[]): readonly string[] {
  if (statements.length === 0) return []
  if (statements.some(({ parameters }) => parameters.length > 0)) return plainLines(statements)
  const texts = statements.map(({ text }) => template(text))
  if (texts.length === 1) return [`await changeSchema(queryRunner, ${texts[0]})`]
  return ['await changeSchema(', '  queryRunner,', ...texts.map((text) => `  ${text},`), ')']
}

function indent(lines: readonly string[]): string {
  const trimmed = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  return trimmed.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')
}
