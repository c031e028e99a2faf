import type { Throttle } from './throttle.js'

/** A function that answers whether work has to wait: a reason, or `true`, or nothing. */
export type ThrottleFunction = () => ThrottleAnswer | Promise<ThrottleAnswer>
export type ThrottleAnswer = string | boolean | undefined

/** Waits while the application's own function says so. */
export function customThrottle(ask: ThrottleFunction): Throttle {
  const name = 'own throttle'
  return {
    name,
    async look() {
      const answer: unknown = await ask()
      if (answer === undefined || answer === false) return undefined
      if (answer === true) return { reason: name }
      if (typeof answer === 'string' && answer !== '') return { reason: answer }
      throw new Error('the function must return a reason as text, true, false or undefined')
    },
  }
}
