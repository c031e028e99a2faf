import type { QueryRunner } from 'typeorm'

/**
 * Changes nothing else of a column. It begins with the column as the database has it, because TypeORM drops and adds a column
 * that is described in other words, with all its data.
 */
export async function setNullable(
  queryRunner: QueryRunner,
  tableName: string,
  name: string,
  isNullable: boolean,
): Promise<void> {
  const table = await queryRunner.getTable(tableName)
  const column = table?.findColumnByName(name)
  if (!table || !column) throw new Error(`there is no column ${name} of ${tableName}`)
  const changed = column.clone()
  changed.isNullable = isNullable
  await queryRunner.changeColumn(table, column, changed)
}
