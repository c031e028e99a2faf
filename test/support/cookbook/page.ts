import type { DatabaseName } from '../test-database.js'

/*
 * A page of the cookbook is carried out from its top to its bottom, as its reader would:
 *
 *   ```sql            statements, in PostgreSQL's spelling
 *   `city` before:    and a Markdown table: rows to be inserted; the cells are texts, `NULL`, or `"quoted"`
 *   ```ts             a file, whose path is the comment in its first line; or, if it has none, a property in place of the one of
 *                     that name in the file above
 *   ```console        commands after `$ `; lines below one are parts of what it prints (`…` stands for anything),
 *                     `# exits with 1` is another exit code than 0
 *   `city` after:     and a Markdown table: all rows of the named columns as they must be now
 *
 * Words behind the language name the databases that a block is for: ```ts mariadb. A section "Undo" with commands must end with the
 * rows as they were before, unless it has tables of its own.
 */

export interface Rows {
  readonly table: string
  readonly columns: readonly string[]
  readonly cells: readonly (readonly (string | null)[])[]
}

export interface CommandLine {
  readonly env: Readonly<Record<string, string>>
  readonly words: readonly string[]
  readonly exitCode: number
  /** What must be among its output. */
  readonly prints: readonly string[]
}

export type Step =
  | { readonly kind: 'sql'; readonly text: string }
  | { readonly kind: 'before' | 'after'; readonly rows: Rows }
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'command'; readonly command: CommandLine }
  /** The rows are those of before. */
  | { readonly kind: 'undone' }

export interface Page {
  readonly title: string
  /** Headings of the second level, in their order. */
  readonly sections: readonly string[]
  steps(database: DatabaseName): readonly Step[]
}

interface Block {
  readonly section: string
  readonly language: string
  readonly databases: readonly string[]
  readonly text: string
}

interface Table {
  readonly section: string
  readonly kind: 'before' | 'after'
  readonly rows: Rows
}

/** @throws for a page that cannot be carried out as it is */
export function parsePage(markdown: string): Page {
  const parts: (Block | Table)[] = []
  const sections: string[] = []
  let title = ''
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    const section = sections.at(-1) ?? ''
    const [, level, heading] = /^(#{1,2}) (.+)$/.exec(line) ?? []
    if (level === '#') title = heading!
    if (level === '##') sections.push(heading!)
    const [, language, databases = ''] = /^```(\w+)(.*)$/.exec(line) ?? []
    if (language !== undefined) {
      const end = lines.indexOf('```', at)
      const text = lines.slice(at + 1, end).join('\n')
      parts.push({ section, language, databases: databases.split(' ').filter(Boolean), text })
      at = end
      continue
    }
    const [, table, kind] = /^`(\w+(?:\.\w+)?)` (before|after)\b.*:$/.exec(line) ?? []
    if (table === undefined) continue
    const start = lines.findIndex((each, i) => i > at && each.startsWith('|'))
    const end = lines.findIndex((each, i) => i > start && !each.startsWith('|'))
    parts.push({ section, kind: kind as 'before' | 'after', rows: rowsOf(table, lines.slice(start, end)) })
    at = end
  }
  return { title, sections, steps: (database) => stepsOf(parts, database) }
}

function stepsOf(parts: readonly (Block | Table)[], database: DatabaseName): readonly Step[] {
  const steps: Step[] = []
  for (const part of parts) {
    if ('kind' in part) steps.push({ kind: part.kind, rows: part.rows })
    else if (part.databases.length === 0 || part.databases.includes(database)) steps.push(...stepsOfBlock(part, steps))
  }
  const undo = parts.filter(({ section }) => section === 'Undo')
  const isUndone = undo.some((part) => 'language' in part && part.language === 'console')
  return isUndone && !undo.some((part) => 'kind' in part) ? [...steps, { kind: 'undone' }] : steps
}

function stepsOfBlock({ language, text }: Block, steps: Step[]): readonly Step[] {
  switch (language) {
    case 'sql':
      return text
        .split(/;\s*(?:\n|$)/)
        .flatMap((statement) => (statement.trim() ? [{ kind: 'sql', text: statement }] : []))
    case 'console':
      return commandsOf(text).map((command) => ({ kind: 'command', command }))
    case 'ts': {
      const [, path] = /^\/\/ (\S+\.ts)\b/.exec(text) ?? []
      if (path !== undefined) return [{ kind: 'file', path, text }]
      const last = steps.findLastIndex(({ kind }) => kind === 'file')
      const file = steps[last] as Extract<Step, { kind: 'file' }>
      steps[last] = { ...file, text: withProperty(file.text, text) }
      return []
    }
    default:
      throw new Error(`a block of \`${language}\`: only sql, ts and console are carried out`)
  }
}

/** The text with another property of that name: from its line to the next one that is not indented further. */
function withProperty(text: string, property: string): string {
  const [, name] = /^\s*(\w+)/.exec(property) ?? []
  const lines = text.split('\n')
  const start = lines.findIndex((line) => new RegExp(`^\\s+(async )?${name}[:(]`).test(line))
  if (start < 0) throw new Error(`no property \`${name}\` in the file above`)
  const indent = /^\s*/.exec(lines[start]!)![0]
  const next = lines.findIndex((line, i) => i > start && line !== '' && !line.startsWith(`${indent} `))
  const end = /^[\]})`]/.test(lines[next]!.trim()) && lines[next]!.startsWith(indent) ? next + 1 : next
  return [
    ...lines.slice(0, start),
    ...property.split('\n').map((line) => `${indent}${line}`),
    ...lines.slice(end),
  ].join('\n')
}

function commandsOf(text: string): readonly CommandLine[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [first = '', ...printed] = part.split('\n')
      const [, line = '', comment = ''] = /^(.*?)(?:\s+#(.*))?$/.exec(first)!
      const words = line.split(' ')
      const isSetting = (word: string) => /^[A-Z][A-Z_0-9]*=/.test(word)
      const settings = words.filter(isSetting).map((word) => word.split(/=(.*)/s).slice(0, 2))
      return {
        env: Object.fromEntries(settings) as Record<string, string>,
        words: words.filter((word) => !isSetting(word)),
        exitCode: Number(/exits with (\d)/.exec(comment)?.[1] ?? 0),
        prints: printed.map((each) => each.trim()).filter((each) => each !== '' && each !== '…'),
      }
    })
}

function rowsOf(table: string, lines: readonly string[]): Rows {
  const [columns = [], , ...rest] = lines.map((line) =>
    line
      .replace(/^\||\|$/g, '')
      .split('|')
      .map((cell) => cell.trim()),
  )
  return { table, columns, cells: rest.map((cells) => cells.map(cellOf)) }
}

function cellOf(text: string): string | null {
  const bare = text.replace(/^`(.*)`$/, '$1')
  if (bare === 'NULL') return null
  return bare.startsWith('"') ? (JSON.parse(bare) as string) : bare
}
