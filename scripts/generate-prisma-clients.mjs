/**
 * Generates the Prisma clients of the type tests from one schema: Prisma 7's `prisma-client`, 6's `prisma-client-js`, each in a
 * folder of its own with the client's package that belongs to it.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const schema = readFileSync(join(root, 'test/types/schema.prisma'), 'utf8')
const versions = [
  { name: 'prisma-7', cli: 'prisma', client: '@prisma/client', provider: 'prisma-client', url: '' },
  {
    name: 'prisma-6',
    cli: 'prisma-6',
    client: '@prisma/client-6',
    provider: 'prisma-client-js',
    url: 'url = "postgresql://localhost/none"',
  },
]

for (const { name, cli, client, provider, url } of versions) {
  const folder = join(root, 'test/types/generated', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'node_modules/@prisma'), { recursive: true })
  // Prisma 6 takes a client's package only where its own is beside it.
  symlinkSync(join(root, 'node_modules', cli), join(folder, 'node_modules/prisma'))
  symlinkSync(join(root, 'node_modules', client), join(folder, 'node_modules/@prisma/client'))
  writeFileSync(join(folder, 'package.json'), '{}')
  const output = `generator client {\n  provider = "${provider}"\n  output = "./client"\n}\n`
  writeFileSync(
    join(folder, 'schema.prisma'),
    `${output}datasource db {\n  provider = "postgresql"\n  schemas = ["public", "geo"]\n  ${url}\n}\n${schema}`,
  )
  // Nothing is run by an engine here, but Prisma looks whether there is one.
  const engine = process.execPath
  execFileSync(process.execPath, [join(root, 'node_modules', cli, 'build/index.js'), 'generate'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: engine,
      PRISMA_QUERY_ENGINE_LIBRARY: engine,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  })
}
