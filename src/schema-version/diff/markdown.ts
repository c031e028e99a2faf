import { typesOf } from './diff-schemas.js'
import type { VersionDiff } from './diff-versions.js'

/** A diff for people: a table a kind of change, for a pull request or a changelog. */
export function diffMarkdown(diff: VersionDiff): string {
  const { name, from, to, added, removed, changed, renames, hasPath } = diff
  const breaking = (isBreaking: boolean) => (isBreaking ? '**breaking**' : '')
  const sections = [
    table(
      'Added',
      ['field', 'type', '', ''],
      [
        ...added.map(({ field, schema, isRequired, isBreaking }) => [
          code(field),
          typesOf(schema).join(' \\| '),
          isRequired ? 'required' : 'optional',
          breaking(isBreaking),
        ]),
      ],
    ),
    table(
      'Removed',
      ['field', 'type', ''],
      [
        ...removed.map(({ field, schema, isBreaking }) => [
          code(field),
          typesOf(schema).join(' \\| '),
          breaking(isBreaking),
        ]),
      ],
    ),
    table(
      'Changed',
      ['field', 'what', 'before', 'after', ''],
      [
        ...changed.map(({ field, kind, before, after, isBreaking }) => [
          code(field),
          kind,
          escaped(before),
          escaped(after),
          breaking(isBreaking),
        ]),
      ],
    ),
    table(
      'Probable renames',
      ['from', 'to', 'likelihood'],
      [
        ...renames.map(({ from: old, to: now, likelihood }) => [
          code(old),
          code(now),
          `${Math.round(likelihood * 100)}%`,
        ]),
      ],
    ),
  ].filter((section) => section !== '')
  const verdict = diff.isBreaking ? 'Breaking.' : 'Compatible.'
  const way = hasPath ? 'Steps lead from one to the other.' : 'No steps lead from one to the other.'
  const body = sections.length > 0 ? sections.join('\n') : 'Nothing changed.\n'
  return `# ${name} ${from} → ${to}\n\n${verdict} ${way}\n\n${body}`
}

function table(title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return `## ${title}\n\n${[line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

const code = (field: string): string => `\`${field}\``
const escaped = (text: string): string => text.replaceAll('|', '\\|')
