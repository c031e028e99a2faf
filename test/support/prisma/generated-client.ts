import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { loadModule } from '../../../src/adapters/load-module.js'
import type { PrismaClientLike } from '../../../src/adapters/prisma/driver-adapter.js'
import type { PrismaRegistry } from '../../../src/adapters/prisma/registry.js'
import type { DatabaseName } from '../test-database.js'
import { prismaSurroundings } from './prisma-project.js'

const repository = join(__dirname, '../../..')
const modules = join(repository, 'node_modules')

/** What `prisma generate` makes of models: the client's class, and the registry. */
export interface Generated {
  readonly PrismaClient: new (options: { readonly adapter: unknown }) => PrismaClientLike
  readonly registry: PrismaRegistry
}

/** The schema of Prisma 6 has to name some place; driver adapters say where the database is. */
const databases: Readonly<Record<DatabaseName, { readonly provider: string; readonly url: string }>> = {
  sqlite: { provider: 'sqlite', url: 'file:./none.db' },
  postgres: { provider: 'postgresql', url: 'postgres://none' },
  mariadb: { provider: 'mysql', url: 'mysql://none' },
}

const versions = {
  7: { suffix: '', client: 'provider = "prisma-client"', module: 'client/client.ts' },
  6: {
    suffix: '-6',
    client:
      'provider = "prisma-client-js"\n  engineType = "client"\n  previewFeatures = ["driverAdapters", "queryCompiler"]',
    module: 'client',
  },
} as const

/** Generates for a database, once for all tests of this process, with rowshift's generator as its sources are now. */
export function clientsOf(models: string): (name: DatabaseName, version?: 6 | 7) => Promise<Generated> {
  const made = new Map<string, Promise<Generated>>()
  return (name, version = 7) => {
    const key = `${name} ${version}`
    const generated = made.get(key) ?? generate(name, version)
    made.set(key, generated)
    return generated
  }

  async function generate(name: DatabaseName, version: 6 | 7): Promise<Generated> {
    const { suffix, client, module } = versions[version]
    const { provider, url } = databases[name]
    const folder = await mkdtemp(join(tmpdir(), 'rowshift-client-'))
    await mkdir(join(folder, 'node_modules/@prisma'), { recursive: true })
    const prisma = version === 7 ? inject('prismaFolder') : join(modules, 'prisma-6')
    await symlink(prisma, join(folder, 'node_modules/prisma'))
    await symlink(join(modules, `@prisma/client${suffix}`), join(folder, 'node_modules/@prisma/client'))
    await writeFile(join(folder, 'package.json'), '{}')
    const typescript = join(repository, 'scripts/register-typescript.cjs')
    const generator = join(repository, 'src/adapters/prisma/generator/main.ts')
    await writeFile(
      join(folder, 'schema.prisma'),
      `generator client {\n  ${client}\n  output = "./client"\n}
generator rowshift {\n  provider = "node -r ${typescript} ${generator}"\n  output = "./registry.json"\n}
datasource db {\n  provider = "${provider}"\n${version === 6 ? `  url = "${url}"\n` : ''}}\n${models}`,
    )
    await promisify(execFile)(process.execPath, [join(prisma, 'build/index.js'), 'generate'], {
      cwd: folder,
      env: { ...process.env, ...prismaSurroundings },
    })
    const { PrismaClient } = await loadModule(join(folder, module))
    const registry = JSON.parse(await readFile(join(folder, 'registry.json'), 'utf8')) as PrismaRegistry
    return { PrismaClient: PrismaClient as Generated['PrismaClient'], registry }
  }
}
