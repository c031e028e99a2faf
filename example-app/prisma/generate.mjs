/**
 * Generates the clients and registries of the example's three schemas: `prisma generate`, as an application does it. The engine that it
 * looks for is not started here, and not downloaded.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

const require = createRequire(import.meta.url)
const folder = import.meta.dirname
const rowshift = dirname(require.resolve('rowshift/package.json'))

// Where npm puts the commands of packages that are installed; rowshift is at home here.
const commands = join(folder, 'dist/commands')
rmSync(commands, { recursive: true, force: true })
mkdirSync(commands, { recursive: true })
symlinkSync(join(rowshift, 'dist/adapters/prisma/generator/main.js'), join(commands, 'rowshift-prisma'))

const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')
const generate = (schema) =>
  promisify(execFile)(process.execPath, [prisma, 'generate', '--schema', `${schema}/schema.prisma`], {
    cwd: folder,
    env: {
      ...process.env,
      PATH: `${commands}${delimiter}${process.env.PATH}`,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
await Promise.all(['sqlite', 'postgres', 'mysql'].map(generate))
