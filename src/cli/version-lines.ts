import type { VersionReport } from '../runs/versions/version-status.js'
import { columns } from './format.js'

/** A table's versions as `rowshift status --json` tells them. */
export function versionEntry({ table, entity, code, recorded, state, columns: drifted, gate }: VersionReport) {
  return {
    table,
    entity: entity ?? null,
    code: code ?? null,
    database: recorded?.version ?? null,
    state,
    columns: drifted,
    gate: gate ?? null,
    migration: recorded?.migration ?? null,
    recordedAt: recorded?.recordedAt ?? null,
  }
}

/** The same as a table for people; nothing where no entity has a version. */
export function versionLines(reports: readonly VersionReport[], generateCommand: string): readonly string[] {
  if (reports.length === 0) return []
  const rows = reports.map((report) => [
    `  ${report.entity ?? report.table}`,
    report.code ?? '-',
    report.recorded?.version ?? '-',
    stateText(report, generateCommand),
  ])
  return columns([['  schema', 'code', 'database', ''], ...rows]).map((line) => line.trimEnd())
}

function stateText({ state, columns: drifted, gate, code }: VersionReport, generateCommand: string): string {
  switch (state) {
    case 'behind':
      return gate === undefined ? 'behind: a migration is pending' : `behind: gate of ${gate}`
    case 'ahead':
      return code === undefined
        ? 'ahead: no entity or model states a version'
        : 'ahead: the code is older than the database'
    case 'drift':
      return `drift: ${drifted.length === 1 ? 'column' : 'columns'} ${drifted.map((name) => `"${name}"`).join(', ')}`
    case 'unrecorded':
      return `unrecorded: ${generateCommand}`
    case 'current':
      return ''
  }
}
