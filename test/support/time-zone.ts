import { afterAll } from 'vitest'

/** Lets this process be in a time zone, such as "America/New_York", for all tests of the file that calls this. */
export function inTimeZone(zone: string): void {
  const before = process.env.TZ
  process.env.TZ = zone
  afterAll(() => {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  })
}
