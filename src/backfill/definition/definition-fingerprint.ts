import { createHash } from 'node:crypto'
import { tokenizer } from 'acorn'
import { describeSql, isSql } from '../../dialects/sql.js'
import type { BackfillDefinition, DeclaredColumn } from './definition.js'
import { parseTableName } from './table-name.js'

/**
 * A hash of what a definition declares: name, table, columns, condition, expressions and revision. Equal definitions have
 * equal fingerprints in every process and build, whatever the order of their members.
 *
 * Function text has no part in it, because builds change it and helpers escape it: that is what `revision` is for. Nor has
 * the name of an entity class, which builds shorten. Batch size, pause, verification and the limits of a journal may change during a run.
 */
export function definitionFingerprint(definition: BackfillDefinition): string {
  const { name, source, where, revision, journal, follow, work } = definition
  const declared = {
    name,
    table: tableOf(source),
    where: where && { condition: where.condition, isNegated: where.isNegated },
    revision: revision ?? 1,
    form: work.form,
    // Its limits may change during a run; a journal that begins half way would undo half.
    isJournaled: journal ? true : undefined,
    follows: follow || undefined,
    ...describeWork(work),
  }
  return sha256(canonicalJson(declared))
}

function describeWork(work: BackfillDefinition['work']): Readonly<Record<string, unknown>> {
  switch (work.form) {
    case 'sql':
      return { set: work.set }
    // Which tables may be changed along with the rows says nothing of the rows.
    case 'delete':
      return { archive: work.archive && tableOf(work.archive.source) }
    case 'dedupe':
      return { by: work.by, keep: work.keep, repoint: work.repoint, mark: work.mark }
    case 'transform':
      return {
        select: describeColumns(work.select),
        write: describeColumns(work.write),
        unique: [...work.unique.keys()].sort(),
        isPartial: work.isPartial,
        into: work.into && { table: tableOf(work.into.source), onConflict: work.into.onConflict },
        per: work.transform.per === 'row' ? undefined : work.transform.per,
      }
  }
}

/**
 * A hash of the text of a definition's functions, and of those of the steps it takes; undefined when it has none: of its tokens, so that comments and formatting do not
 * count. It may still differ between builds of one source, and a changed helper leaves it as it is.
 */
export function transformFingerprint({ work }: BackfillDefinition): string | undefined {
  if (work.form !== 'transform') return undefined
  const unique = [...work.unique].map(([column, another]) => [column, tokensOf(another)] as const)
  const steps = work.steps.map(({ from, to, apply }) => [from, to, apply === undefined ? [] : tokensOf(apply)])
  const transform = tokensOf(work.transform.call)
  return sha256(canonicalJson({ transform, unique: new Map(unique), steps: steps.length > 0 ? steps : undefined }))
}

function tokensOf(callable: unknown): readonly string[] {
  const text = String(callable)
  try {
    const tokens: string[] = []
    for (const { type, start, end } of tokenizer(text, { ecmaVersion: 'latest' })) {
      // Formatters differ in these, and nothing depends on them: semicolons, quotes, and a comma before the bracket that closes.
      if (type.label === ';') continue
      if (/^[)\]}]$/.test(type.label) && tokens.at(-1) === ',') tokens.pop()
      tokens.push(type.label === 'string' ? `'${text.slice(start + 1, end - 1)}'` : text.slice(start, end))
    }
    return tokens
  } catch {
    // Native or bound functions, and syntax that is newer than the tokenizer.
    return [text]
  }
}

const tableOf = (source: unknown) => (typeof source === 'string' ? parseTableName(source) : 'mapped')

// A list of allowed values is a set: its order says nothing.
function describeColumns(columns: ReadonlyMap<string, DeclaredColumn>): ReadonlyMap<string, unknown> {
  return new Map(
    [...columns].map(([name, column]) => [
      name,
      column === 'mapped' || !column.allowed ? column : { ...column, allowed: [...column.allowed].sort() },
    ]),
  )
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** JSON with sorted members and with a distinct text for every value that JSON has none for. */
function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null'
  if (typeof value === 'bigint') return `{"$bigint":"${value}"}`
  if (isSql(value)) return `{"$sql":${describeSql(value)}}`
  if (value instanceof Date) return `{"$date":"${value.toISOString()}"}`
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString('hex')}"}`
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = value instanceof Map ? [...value] : Object.entries(value)
  const texts = members
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`)
  return `{${texts.join(',')}}`
}
