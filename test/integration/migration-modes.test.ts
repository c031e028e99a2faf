import { join } from 'node:path'
import { expect } from 'vitest'
import { runChild } from '../support/child.js'
import { countWhere } from '../support/city-table.js'
import { type TestDatabase, typeormTest, typeormTestOn } from '../support/databases.js'

const command = join(__dirname, '../../node_modules/typeorm/cli.js')
const dataSource = join(__dirname, 'fixtures/migrations/data-source.ts')

/** The stock `typeorm` command on the fixture's migrations. */
async function typeormCommand(database: TestDatabase, args: readonly string[], env: Record<string, string> = {}) {
  const child = runChild(command, [...args, '-d', dataSource], { TEST_DATABASE: JSON.stringify(database), ...env })
  const { code } = await child.exited
  return { code, output: child.output() }
}

async function recorded(database: TestDatabase): Promise<string[]> {
  const connection = await database.connect()
  const rows: { name: string }[] = await connection.query('select name from migrations order by id')
  return rows.map((row) => row.name)
}

const modes: Record<string, { readonly args: readonly string[]; readonly env?: Record<string, string> }> = {
  all: { args: ['-t', 'all'] },
  each: { args: ['-t', 'each'] },
  'each, transaction = false': { args: ['-t', 'each'], env: { TEST_TRANSACTION: 'false' } },
  none: { args: ['-t', 'none'] },
}

for (const [mode, { args, env }] of Object.entries(modes)) {
  typeormTest(`is run and reverted by the stock command in mode ${mode}`, async (database) => {
    const run = await typeormCommand(database, ['migration:run', ...args], env)
    expect(run, run.output).toMatchObject({ code: 0 })
    const app = await database.connect()
    expect(await recorded(database)).toEqual(['CreateCity1700000000001', 'CitySlug1700000000002'])
    expect(await countWhere(app, `slug = 'city 44'`)).toBe(1)
    expect(await countWhere(app, 'slug is null')).toBe(0)

    const revert = await typeormCommand(database, ['migration:revert', ...args], env)
    expect(revert, revert.output).toMatchObject({ code: 0 })
    expect(await recorded(database)).toEqual(['CreateCity1700000000001'])
    await expect(app.query('select slug from city')).rejects.toThrow()

    const again = await typeormCommand(database, ['migration:run', ...args], env)
    expect(again, again.output).toMatchObject({ code: 0 })
    expect(await countWhere(app, 'slug is null')).toBe(0)
  })

  typeormTest(`records nothing of a failed backfill in mode ${mode}`, async (database) => {
    const broken = await typeormCommand(database, ['migration:run', ...args], { ...env, TEST_BREAK: 'City 50' })
    expect(broken.code).toBe(1)
    expect(broken.output).toContain('ROWS_FAILED')
    expect(broken.output).toContain('["50"]')
    const isAllUndone = mode === 'all' && database.name !== 'mariadb'
    if (!isAllUndone) expect(await recorded(database)).toEqual(['CreateCity1700000000001'])
    const mended = await typeormCommand(database, ['migration:run', ...args], env)
    expect(mended, mended.output).toMatchObject({ code: 0 })
    expect(await countWhere(await database.connect(), 'slug is null')).toBe(0)
  })
}

typeormTestOn(['sqlite', 'postgres', 'mariadb'], 'is not recorded when its call is not awaited', async (database) => {
  const run = await typeormCommand(database, ['migration:run', '-t', 'each'], { TEST_NOT_AWAITED: 'true' })
  expect(run.code).toBe(1)
  expect(run.output).toContain('NOT_AWAITED')
  expect(await recorded(database)).toEqual(['CreateCity1700000000001'])
})
