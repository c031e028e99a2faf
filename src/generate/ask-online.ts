import type { SchemaStatement, SchemaStep } from '../adapters/schema.js'
import type { DdlStatements } from '../dialects/ddl.js'

/** A step whose statements state how they are carried out, and why, for the comment above them. */
export interface OnlineStep {
  readonly step: SchemaStep
  readonly reasons: readonly string[]
}

export function askOnline(step: SchemaStep, ddl: DdlStatements): OnlineStep {
  const { up, down } = step
  // Without a statement back for each statement, nobody knows which belongs to which.
  const isPaired = up.length === down.length
  const ask = (list: readonly SchemaStatement[], opposite: readonly SchemaStatement[]) =>
    list.map(({ text }, i) => ddl.askOnline(text, isPaired ? opposite[opposite.length - 1 - i]!.text : undefined))
  const [asked, back] = [ask(up, down), ask(down, up)]
  const reasons = new Set(asked.flatMap(({ why }) => (why === undefined ? [] : [why])))
  return {
    step: {
      ...step,
      up: up.map((statement, i) => ({ ...statement, text: asked[i]!.text })),
      down: down.map((statement, i) => ({ ...statement, text: back[i]!.text })),
    },
    reasons: [...reasons],
  }
}
