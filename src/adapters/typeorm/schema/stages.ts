import type { Dialect } from '../../../dialects/dialect.js'
import type { SchemaStages, SchemaStep, TableChoice } from '../../schema.js'
import type { RehearsedSchema } from './builder.js'
import { type Add, unsupported } from './column-changes.js'
import { addConstraints, contractTable, dropColumns } from './contract-table.js'
import { createTable, expandTable } from './expand-table.js'
import type { EntityChange } from './table-changes.js'

/*
 * Expand: whatever permits more, so that rows of both versions fit and old code goes on. Contract: whatever demands more or takes
 * away. Both come from single calls of TypeORM, each rehearsed on the tables as the calls before have left them.
 */

const noChoice: TableChoice = { renames: [], shadows: [] }

/** Plans the chosen tables. @throws RowshiftError UNSUPPORTED_CHANGE when something would be left to do */
export async function planStages(
  schema: RehearsedSchema,
  dialect: Dialect,
  changes: readonly EntityChange[],
  choices: ReadonlyMap<string, TableChoice>,
): Promise<SchemaStages> {
  const chosen = changes
    .filter(({ table }) => choices.has(table))
    .flatMap((change) => [change, ...change.junctions])
    .map((change) => ({ ...change, choice: choices.get(change.table) ?? noChoice }))
  const expand: SchemaStep[] = []
  const contract: SchemaStep[] = []
  const into =
    (steps: SchemaStep[], change: EntityChange): Add =>
    async (what, task) => {
      const { up, down } = await schema.rehearse(task)
      if (up.length > 0) steps.push({ table: change.table, what, up, down })
    }
  for (const change of chosen.filter(({ isNew }) => isNew)) await createTable(schema, change, into(expand, change))
  for (const change of chosen.filter(({ isNew }) => isNew)) {
    const builder = schema.builderFor(change.metadata)
    await into(expand, change)(`foreign keys of "${change.table}"`, () => builder.createForeignKeys())
  }
  const existing = chosen.filter(({ isNew }) => !isNew)
  for (const change of existing) {
    await expandTable(schema, dialect, change, change.choice, into(expand, change))
  }
  for (const change of existing) {
    await contractTable(schema, dialect, change, change.choice, into(contract, change))
  }
  // What TypeORM undoes on its way, such as foreign keys that point to a changed column, it makes again at the end.
  for (const change of existing) await addConstraints(schema, dialect, change, into(contract, change))
  for (const change of existing) await dropColumns(schema, change, change.choice, into(contract, change))
  for (const change of chosen) await requireNothingLeft(schema, change)
  return { expand, contract }
}

async function requireNothingLeft(schema: RehearsedSchema, change: EntityChange): Promise<void> {
  const left = await schema.remaining(change.metadata)
  if (left.length > 0) throw unsupported(change, `TypeORM would still run: ${left.map(({ text }) => text).join('; ')}`)
}
