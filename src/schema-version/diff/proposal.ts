import { typesOf } from './diff-schemas.js'
import type { VersionDiff } from './diff-versions.js'

/**
 * The step that a diff asks for, as TypeScript for `.version()`: renames are carried, changed types are cast, and what only a person can
 * know is left `undefined`, which does not compile for a required field.
 */
export function proposeStep({ from, to, added, changed, renames }: VersionDiff): string {
  const top = (field: string) => !field.includes('.')
  const lines = [
    ...renames
      .filter((rename) => top(rename.to))
      .map((rename) => `${property(rename.to)}: row${access(rename.from)}, // ${said(rename.from, rename.likelihood)}`),
    ...changed
      .filter(({ field, kind, isBreaking }) => top(field) && kind === 'type' && isBreaking)
      .map(({ field, before, after }) => `${property(field)}: ${cast(field, after)}, // was ${before}`),
    ...added
      .filter(({ field, isBreaking }) => top(field) && isBreaking && !renames.some((rename) => rename.to === field))
      .map(({ field, schema }) => `${property(field)}: undefined, // new: ${typesOf(schema).join(' | ')}`),
  ]
  if (lines.length === 0) return `// ${from} -> ${to}: no function is needed`
  return `// ${from} -> ${to}\n{\n  upgrade: (row) => ({\n${lines.map((line) => `    ${line}`).join('\n')}\n  }),\n}`
}

function said(field: string, likelihood: number): string {
  return likelihood === 1 ? `"${field}" under another name` : `probably "${field}" under another name`
}

function cast(field: string, after: string): string {
  const value = `row${access(field)}`
  const [only] = after.split(' | ').filter((type) => type !== 'null')
  if (only === 'string') return `String(${value})`
  if (only === 'integer' || only === 'number') return `Number(${value})`
  if (only === 'boolean') return `Boolean(${value})`
  return 'undefined'
}

const isName = (field: string): boolean => /^[A-Za-z_$][\w$]*$/.test(field)
const property = (field: string): string => (isName(field) ? field : JSON.stringify(field))
const access = (field: string): string => (isName(field) ? `.${field}` : `[${JSON.stringify(field)}]`)
