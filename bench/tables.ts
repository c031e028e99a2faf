import type { Score } from './databases/contest.js'
import type { Figures } from './databases/suite.js'
import type { Measure } from './measure.js'

const count = (value: number, width = 12) => Math.round(value).toLocaleString('en-US').padStart(width)

export const recordsTable = (measures: readonly Measure[]): string =>
  measures
    .map(
      ({ name, unit, perSecond, bestPerSecond, perCpuSecond }) =>
        `${name.padEnd(52)}${count(perSecond)} ${unit}/s   best ${count(bestPerSecond)}   by processor time ${count(perCpuSecond)}`,
    )
    .join('\n')

/** The peers of one database, the fastest first. */
export function peersTable(database: string, { peers, forms, neighbours }: Figures): string {
  const fastest = [...peers].sort((a, b) => b.rowsPerSecond - a.rowsPerSecond)
  const ours = peers.find(({ peer }) => peer === 'rowshift')!.rowsPerSecond
  const line = ({ peer, rows, rowsPerSecond }: Score, more = '') =>
    `  ${peer.padEnd(36)}${count(rowsPerSecond)} rows/s${more}   of ${count(rows, 10)} rows`
  const lines = fastest.map((score) => line(score, `   × ${(score.rowsPerSecond / ours).toFixed(3).padStart(6)}`))
  const others = forms.map((score) => line(score))
  const felt = Object.entries(neighbours).map(
    ([beside, { p50, p99, longest, updates }]) =>
      `  ${beside.padEnd(36)}${count(updates)} updates   p50 ${p50} ms   p99 ${p99} ms   longest ${longest} ms`,
  )
  return [
    `\n${database}`,
    ...lines,
    '',
    '  rows that are created, and rows that go',
    ...others,
    '',
    '  an application beside it',
    ...felt,
    '',
  ].join('\n')
}

/** Every ratio, a column for each database. */
export function figuresTable(all: ReadonlyMap<string, Figures>): string {
  const names = [...new Set([...all.values()].flatMap((figures) => Object.keys(figures)))]
  const numbers = names.filter((name) =>
    [...all.values()].some((figures) => typeof figures[name as keyof Figures] === 'number'),
  )
  const line = (name: string, cells: readonly string[]) =>
    name.padEnd(24) + cells.map((cell) => cell.padStart(12)).join('')
  return [
    line('', [...all.keys()]),
    ...numbers.map((name) =>
      line(
        name,
        [...all.values()].map((figures) => String(figures[name as keyof Figures] ?? '-')),
      ),
    ),
  ].join('\n')
}
