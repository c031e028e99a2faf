import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const repository = join(__dirname, '../..')

/** A file of an imaginary source tree: its one statement, and the linter's rule that refuses it. */
type Case = readonly [path: string, statement: string, refusedBy?: 'noRestrictedImports' | 'noImportCycles' | 'plugin']

const cases: readonly Case[] = [
  ['src/cli/allowed-runs.ts', `export * from '../runs/allowed-backfill.js'`],
  ['src/cli/concrete-dialect.ts', `export * from '../dialects/postgres/rows.js'`, 'noRestrictedImports'],
  ['src/cli/driver.ts', `export * from 'pg'`, 'noRestrictedImports'],
  ['src/cli/lazy-driver.ts', `export const pg = await import('pg')`, 'noRestrictedImports'],
  ['src/cli/required-driver.ts', `export const pg = require('pg')`, 'plugin'],
  ['src/cli/type-of-a-driver.ts', `export type Client = import('pg').Client`, 'plugin'],

  ['src/generate/allowed-port.ts', `export type * from '../adapters/migration-file.js'`],
  ['src/generate/adapter.ts', `export * from '../adapters/typeorm/index.js'`, 'noRestrictedImports'],
  ['src/generate/orm.ts', `export type * from 'typeorm'`, 'noRestrictedImports'],

  ['src/runs/allowed-backfill.ts', `export * from '../backfill/allowed-port.js'`],
  ['src/runs/allowed-port.ts', `export type * from '../adapters/database.js'`],
  ['src/runs/plan/allowed-room.ts', `export * from '../control/anything.js'`],
  ['src/runs/plan/cli.ts', `export * from '../../cli/main.js'`, 'noRestrictedImports'],
  ['src/runs/cli.ts', `export * from '../cli/main.js'`, 'noRestrictedImports'],
  ['src/runs/adapter.ts', `export * from '../adapters/typeorm/index.js'`, 'noRestrictedImports'],

  ['src/backfill/allowed-errors.ts', `export * from '../errors/codes.js'`],
  ['src/backfill/allowed-dialect.ts', `export type * from '../dialects/dialect.js'`],
  ['src/backfill/allowed-port.ts', `export type * from '../adapters/database.js'`],
  ['src/backfill/batch/allowed-room.ts', `export * from '../pages/anything.js'`],
  ['src/backfill/inside-of-dialects.ts', `export * from '../dialects/state/index.js'`, 'noRestrictedImports'],
  ['src/backfill/runs.ts', `export * from '../runs/run-store.js'`, 'noRestrictedImports'],
  ['src/backfill/type-of-runs.ts', `export type * from '../runs/run-store.js'`, 'noRestrictedImports'],
  ['src/backfill/deeper/runs.ts', `export * from '../../runs/run-store.js'`, 'noRestrictedImports'],
  ['src/backfill/dialect.ts', `export * from '../dialects/sqlite/rows.js'`, 'noRestrictedImports'],
  ['src/backfill/orm.ts', `export * from 'typeorm'`, 'noRestrictedImports'],

  ['src/dialects/postgres/allowed-interface.ts', `export * from '../sql.js'`],
  ['src/dialects/postgres/allowed-state.ts', `export * from '../state/index.js'`],
  ['src/dialects/postgres/other-dialect.ts', `export * from '../sqlite/rows.js'`, 'noRestrictedImports'],
  ['src/dialects/backfill.ts', `export * from '../backfill/cursor.js'`, 'noRestrictedImports'],

  ['src/adapters/typeorm/allowed-orm.ts', `export * from 'typeorm'`],
  ['src/adapters/typeorm/allowed-dialect.ts', `export * from '../../dialects/postgres/rows.js'`],
  ['src/adapters/typeorm/other-orm.ts', `export * from '@prisma/client'`, 'noRestrictedImports'],
  ['src/adapters/drivers/orm.ts', `export * from 'typeorm'`, 'noRestrictedImports'],
  ['src/adapters/drivers/adapter.ts', `export * from '../prisma/index.js'`, 'noRestrictedImports'],
  ['src/adapters/typeorm/edge.ts', `export * from '../../cli/main.js'`, 'noRestrictedImports'],

  ['src/errors/anything.ts', `export * from '../backfill/cursor.js'`, 'noRestrictedImports'],

  ['src/schema-version/one.ts', `export { two as one } from './two.js'`, 'noImportCycles'],
  ['src/schema-version/two.ts', `export { one as two } from './one.js'`, 'noImportCycles'],
]

let tree: string
/** The rules that refused each file. */
const refusals = new Map<string, Set<string>>()

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), 'rowshift-import-law-'))
  for (const file of ['biome.jsonc', 'biome.import-law.jsonc', 'biome.plain-imports.grit', '.gitignore'])
    await cp(join(repository, file), join(tree, file))
  for (const [path, statement] of cases) {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await writeFile(join(tree, path), `${statement}\n`)
  }
  for (const { category, location } of await lint()) {
    const rule = category.split('/').at(-1) ?? category
    refusals.set(location.path, (refusals.get(location.path) ?? new Set()).add(rule))
  }
})

afterAll(() => rm(tree, { recursive: true, force: true }))

for (const [path, statement, refusedBy] of cases)
  test(`${path}: ${statement}`, () => {
    expect([...(refusals.get(path) ?? [])]).toEqual(refusedBy ? [refusedBy] : [])
  })

interface Diagnostic {
  readonly category: string
  readonly location: { readonly path: string }
}

async function lint(): Promise<readonly Diagnostic[]> {
  const report = await new Promise<string>((resolve) => {
    const biome = join(repository, 'node_modules/.bin/biome')
    // It exits with 1 for the refusals that are wanted here.
    execFile(biome, ['lint', '--reporter=json', '--max-diagnostics=none'], { cwd: tree }, (_error, stdout) =>
      resolve(stdout),
    )
  })
  return JSON.parse(report).diagnostics
}
