import type { StateStatements } from '../state-statements.js'
import { stateOfBudget } from './budget.js'
import { stateOfFailures } from './failures.js'
import { stateOfJournal } from './journal.js'
import { stateOfNotes } from './notes.js'
import { stateOfRuns } from './runs.js'
import { stateOfShards } from './shards.js'
import type { StateSpelling } from './spelling.js'
import { stateOfTables } from './tables.js'
import { stateOfVersions } from './versions.js'

export { type StateSpelling, type StateTables, stateTables } from './spelling.js'
export { gateByCheck, sharedTexts } from './texts.js'

/** All statements on the state tables: standard SQL, in the spelling of one dialect. */
export function sharedState(spelling: StateSpelling): StateStatements {
  return {
    ...stateOfTables(spelling),
    ...stateOfRuns(spelling),
    ...stateOfShards(spelling),
    ...stateOfFailures(spelling),
    ...stateOfJournal(spelling),
    ...stateOfNotes(spelling),
    ...stateOfVersions(spelling),
    ...stateOfBudget(spelling),
  }
}
