import type { SchemaStatement, SchemaStep } from '../adapters/schema.js'
import type { DdlStatements, OnlinePreparation } from '../dialects/ddl.js'
import type { TablePlan } from './table-plan.js'

/** A contract whose long readings are done beforehand, while writers go on. */
export interface SplitContract {
  readonly preparations: readonly OnlinePreparation[]
  readonly contract: readonly SchemaStep[]
  /** Tables with something that could be prepared if their columns had their names before the contract. */
  readonly unprepared: readonly string[]
}

/**
 * Takes out of a contract what can be prepared outside a transaction. Only on columns that have their names by then, and for
 * names that the contract does not drop first.
 */
export function splitOnline(
  steps: readonly SchemaStep[],
  plans: readonly TablePlan[],
  ddl: DdlStatements,
): SplitContract {
  const moving = new Set(
    plans.filter(({ choice }) => choice.renames.length + choice.shadows.length > 0).map(({ change }) => change.table),
  )
  const drops = steps.flatMap(({ up }) => up.map(({ text }) => text)).filter((text) => /\bDROP\b/.test(text))
  const preparations: OnlinePreparation[] = []
  const unprepared = new Set<string>()
  const contract = steps.map((step): SchemaStep => {
    // Without a statement back for each statement, nobody knows which belongs to which.
    if (step.up.length !== step.down.length) return step
    const up: SchemaStatement[] = []
    const down: SchemaStatement[] = []
    for (const [i, statement] of step.up.entries()) {
      const back = step.down[step.down.length - 1 - i]!
      const found = ddl.prepareOnline(statement.text, back.text)
      const isMoving = moving.has(step.table)
      if (found && isMoving) unprepared.add(step.table)
      if (!found || isMoving || drops.some((text) => text.includes(found.subject))) {
        up.push(statement)
        down.unshift(back)
        continue
      }
      preparations.push(found)
      up.push(...found.up.map(plain))
      down.unshift(...found.down.map(plain))
    }
    return { ...step, up, down }
  })
  return { preparations, contract: contract.filter(({ up }) => up.length > 0), unprepared: [...unprepared] }
}

const plain = (text: string): SchemaStatement => ({ text, parameters: [] })
