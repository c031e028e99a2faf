import type { ColumnInfo } from '../../dialects/table.js'
import type { DataSourceLike } from './data-source.js'

/**
 * Columns that hold a wall clock and no zone (`timestamp without time zone`, MySQL's `datetime`): which moment they mean is the
 * driver's convention, and an entity's values must follow it, or they would be shifted by the zone of the process.
 */
export function wallClockZone(dataSource: DataSourceLike, column: ColumnInfo): string | undefined {
  const { type, timezone } = dataSource.options
  // `pg` takes the zone of the process, always.
  if (type === 'postgres') return /^timestamp.* without time zone$/.test(column.type) ? 'local' : undefined
  if (type !== 'mysql' && type !== 'mariadb') return undefined
  return /^datetime/i.test(column.type) ? ((timezone as string | undefined) ?? 'local') : undefined
}

/** '2026-11-21 04:06:00.123' as a clock in the zone shows it. */
export function toWallClock(moment: Date, zone: string): string {
  const shifted = new Date(moment.getTime() + offsetMinutes(moment, zone) * 60_000)
  return shifted.toISOString().replace('T', ' ').replace('Z', '')
}

/** The moment at which a clock in the zone shows this; undefined where the text is no such time. */
export function fromWallClock(text: string, zone: string): Date | undefined {
  const m = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text)
  if (!m) return undefined
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const ms = Number((m[7] ?? '').padEnd(3, '0').slice(0, 3))
  if (zone === 'local') return new Date(year, month - 1, day, hour, minute, second, ms)
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second, ms))
  return new Date(utc.getTime() - offsetMinutes(utc, zone) * 60_000)
}

function offsetMinutes(moment: Date, zone: string): number {
  if (zone === 'local') return -moment.getTimezoneOffset()
  const m = /^([+-])(\d\d):?(\d\d)$/.exec(zone)
  if (!m) return 0
  return (m[1] === '-' ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3]))
}
