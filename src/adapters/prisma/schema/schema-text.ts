/*
 * The text of a Prisma schema as blocks and lines: enough to make a field optional or to leave one out. What a schema means is
 * asked of Prisma.
 */

export interface SchemaBlock {
  /** `model`, `enum`, `generator`, … */
  readonly kind: string
  readonly name: string
  /** Between the braces: one a field, value or attribute. */
  readonly lines: readonly string[]
}

/** `title String? @map("name")` */
export interface FieldLine {
  readonly name: string
  readonly type: string
  readonly arity: '' | '?' | '[]'
  readonly attributes: readonly string[]
}

export function parseSchema(text: string): readonly SchemaBlock[] {
  const blocks: { kind: string; name: string; lines: string[] }[] = []
  let current: { kind: string; name: string; lines: string[] } | undefined
  for (const raw of text.split('\n')) {
    const line = withoutComment(raw).trim()
    if (current === undefined) {
      const start = /^(\w+)\s+(\w+)\s*\{$/.exec(line)
      if (start) current = { kind: start[1]!, name: start[2]!, lines: [] }
      continue
    }
    if (line === '}') {
      blocks.push(current)
      current = undefined
      continue
    }
    if (line !== '') current.lines.push(line)
  }
  return blocks
}

export function writeSchema(blocks: readonly SchemaBlock[]): string {
  return blocks
    .map(({ kind, name, lines }) => `${kind} ${name} {\n${lines.map((line) => `  ${line}\n`).join('')}}\n`)
    .join('\n')
}

/** A field of a model; undefined for an attribute of the whole block. */
export function parseField(line: string): FieldLine | undefined {
  const match = /^(\w+)\s+(\w+(?:\("[^"]*"\))?)(\?|\[\])?\s*(.*)$/.exec(line)
  if (!match) return undefined
  const [, name, type, arity = '', rest] = match
  return { name: name!, type: type!, arity: arity as FieldLine['arity'], attributes: splitAttributes(rest!) }
}

export function writeField({ name, type, arity, attributes }: FieldLine): string {
  return [name, `${type}${arity}`, ...attributes].join(' ')
}

/** The names of the fields that `@@unique([a, b(sort: Desc)])` or `@relation(fields: [a])` lists; `key` is `fields` or nothing. */
export function fieldsIn(attribute: string, key?: string): readonly string[] {
  const list =
    new RegExp(`${key === undefined ? '\\(\\s*(?:fields:\\s*)?' : `${key}:\\s*`}\\[([^\\]]*)\\]`).exec(
      attribute,
    )?.[1] ?? ''
  return list
    .replace(/\([^)]*\)/g, '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Comments begin outside of texts only. */
function withoutComment(line: string): string {
  const match = /^(?:[^"/]|"(?:[^"\\]|\\.)*"|\/(?!\/))*/.exec(line)
  return match![0]
}

const withoutTexts = (text: string): string => text.replace(/"(?:[^"\\]|\\.)*"/g, '""')

function depthOf(text: string): number {
  const bare = withoutTexts(text)
  return (bare.match(/[([{]/g)?.length ?? 0) - (bare.match(/[)\]}]/g)?.length ?? 0)
}

function splitAttributes(text: string): string[] {
  const attributes: string[] = []
  let current = ''
  for (const part of text.split(/(?=@)/)) {
    // An @ in a text or between parentheses begins no attribute.
    const isInside = current !== '' && (depthOf(current) > 0 || isOpenText(current))
    if (isInside) current += part
    else {
      if (current.trim() !== '') attributes.push(current.trim())
      current = part
    }
  }
  if (current.trim() !== '') attributes.push(current.trim())
  return attributes
}

const isOpenText = (text: string): boolean => withoutTexts(text).replaceAll('""', '').includes('"')
