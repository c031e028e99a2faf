import type { Throttle } from './throttle.js'

const minuteMs = 60_000
const dayMinutes = 24 * 60

/** A part of the day by a clock on the wall, in minutes since midnight; it may go over midnight. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** `22:00-06:00`; `24:00` ends a day. undefined = it is none. */
export function parseWindow(text: string): Window | undefined {
  const [, ...parts] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)$/.exec(text) ?? []
  if (parts.length === 0) return undefined
  const [fromHour, fromMinute, toHour, toMinute] = parts.map(Number)
  const window = { from: fromHour! * 60 + fromMinute!, to: toHour! * 60 + toMinute! }
  return window.to > dayMinutes || window.from === window.to ? undefined : window
}

/** Reads a zone's clock and calendar. */
export class WallClock {
  readonly #format: Intl.DateTimeFormat

  /** @throws RangeError for a zone that Node does not know */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    })
  }

  /** `2026-11-21`, and minutes since midnight as the clock shows them. */
  at(time: number): { readonly day: string; readonly minute: number } {
    const parts = Object.fromEntries(this.#format.formatToParts(time).map(({ type, value }) => [type, value]))
    return {
      day: `${parts.year}-${parts.month}-${parts.day}`,
      minute: Number(parts.hour) * 60 + Number(parts.minute),
    }
  }

  /** Milliseconds until the clock first meets a condition, minute by minute, so that no change of the clock is passed over. */
  until(time: number, isMet: (at: { readonly day: string; readonly minute: number }) => boolean): number {
    const start = time - (time % minuteMs)
    for (let minutes = 1; minutes <= 3 * dayMinutes; minutes++) {
      const then = start + minutes * minuteMs
      if (isMet(this.at(then))) return then - time
    }
    return 3 * dayMinutes * minuteMs
  }
}

const contains = ({ from, to }: Window, minute: number): boolean =>
  from < to ? minute >= from && minute < to : minute >= from || minute < to

/**
 * Works only within windows of the day, by the clock of a zone. Where the clock is put back, an hour is met twice and both count; what
 * it leaves out when it is put forward does not come that day.
 */
export function timeWindows(windows: readonly Window[], clock: WallClock, texts: readonly string[]): Throttle {
  const isOpen = ({ minute }: { readonly minute: number }) => windows.some((window) => contains(window, minute))
  return {
    name: 'time window',
    async look({ now }) {
      const time = now()
      if (isOpen(clock.at(time))) return undefined
      return { reason: `outside of ${texts.join(', ')}`, forMs: clock.until(time, isOpen) }
    },
  }
}
