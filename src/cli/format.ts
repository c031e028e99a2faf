/*
 * Numbers as people read them in a terminal.
 */

/** `30,831,936` */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1 row`, `30,831,936 rows` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `61.4%`. Cut, not rounded: it says 100 only of what is whole. */
export function percent(share: number): string {
  if (share >= 1) return '100%'
  return `${(Math.floor(share * 1000) / 10).toFixed(1)}%`
}

/** `950/s`, `9.5k/s`, `108k/s`, `1.2M/s` */
export function rate(perSecond: number): string {
  if (perSecond >= 999_500) return `${short(perSecond / 1e6)}M/s`
  if (perSecond >= 999.5) return `${short(perSecond / 1e3)}k/s`
  return perSecond < 10 ? `${short(perSecond)}/s` : `${Math.round(perSecond)}/s`
}

function short(value: number): string {
  return value < 9.95 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0)
}

/** `512 B`, `9.5 MB`, `212 GB` */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = value
  let unit = 0
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${short(size)} ${units[unit]}`
}

/** `59s`, `2m59s`, `3h12m`, `2d4h`: the two largest units, rounded up. */
export function duration(seconds: number): string {
  const s = Math.ceil(seconds)
  if (s < 60) return `${s}s`
  if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`
  const m = Math.ceil(s / 60)
  if (m < 24 * 60) return `${Math.floor(m / 60)}h${two(m % 60)}m`
  const h = Math.ceil(m / 60)
  return `${Math.floor(h / 24)}d${h % 24}h`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** The time of day here, `14:02:11`, with the date when it is not today. */
export function clock(iso: string, now = new Date()): string {
  const at = new Date(iso)
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  if (at.toDateString() === now.toDateString()) return time
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}

/** A stored key, a JSON array of texts: `17`, or `(17, a)` when it is composite. */
export function key(stored: string): string {
  const parts = JSON.parse(stored) as readonly string[]
  return parts.length === 1 ? parts[0]! : `(${parts.join(', ')})`
}

/** Rows of texts as lines whose columns are aligned; styles are applied after the padding. */
export function columns(
  rows: readonly (readonly string[])[],
  style: (text: string, row: number) => string = same,
): string[] {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row, r) =>
    style(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
      r,
    ),
  )
}

function same(text: string): string {
  return text
}
