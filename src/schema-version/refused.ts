import type { Finding } from './finding.js'

/** The findings that refused a row, until it is known which row it was. */
export class Refused extends Error {
  constructor(readonly findings: readonly Finding[]) {
    super('refused')
  }
}
