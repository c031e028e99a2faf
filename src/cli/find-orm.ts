import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What leads to an application's database: the file that it passes to TypeORM's `-d`, or Prisma's schema. Paths are relative. */
export type FoundOrm =
  | { readonly orm: 'typeorm'; readonly dataSource: string }
  | {
      readonly orm: 'prisma'
      readonly schema: string
      readonly provider: Provider
      /** The module that the generator `rowshift-prisma` writes, where the schema has it. */
      readonly registry: string | undefined
    }

const providers = ['postgresql', 'mysql', 'sqlite'] as const

export type Provider = (typeof providers)[number]

/** Looks in the usual places, for a data source before a schema. */
export async function findOrm(root: string): Promise<FoundOrm | undefined> {
  return (await findDataSource(root)) ?? (await findSchema(root))
}

const dataSourceFolders = ['src', '.', 'src/database', 'src/db', 'src/config', 'database', 'db', 'config']
const dataSourceNames = ['data-source', 'datasource', 'dataSource', 'app-data-source', 'typeorm.config', 'ormconfig']
const extensions = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']

async function findDataSource(root: string): Promise<FoundOrm | undefined> {
  for (const folder of dataSourceFolders) {
    for (const name of dataSourceNames) {
      for (const extension of extensions) {
        const path = join(folder, `${name}.${extension}`)
        if (!existsSync(join(root, path))) continue
        // Files of these names may also hold mere options.
        const text = await readFile(join(root, path), 'utf8')
        if (text.includes('DataSource')) return { orm: 'typeorm', dataSource: path.replaceAll('\\', '/') }
      }
    }
  }
  return undefined
}

const schemas = ['prisma/schema.prisma', 'schema.prisma', 'prisma/schema/schema.prisma', 'src/prisma/schema.prisma']

async function findSchema(root: string): Promise<FoundOrm | undefined> {
  for (const schema of schemas) {
    if (!existsSync(join(root, schema))) continue
    const text = await readFile(join(root, schema), 'utf8')
    const named = /^datasource\s+\w+\s*\{[^}]*\bprovider\s*=\s*"(\w+)"/m.exec(text)?.[1]
    const provider = providers.find((one) => one === named)
    if (provider) return { orm: 'prisma', schema, provider, registry: registryIn(text, schema) }
  }
  return undefined
}

function registryIn(text: string, schema: string): string | undefined {
  const generators = text.match(/^generator\s+\w+\s*\{[^}]*\}/gm) ?? []
  const own = generators.find((generator) => /\bprovider\s*=\s*"[^"]*rowshift-prisma/.test(generator))
  const output = own && /\boutput\s*=\s*"([^"]+)"/.exec(own)?.[1]
  // A JSON file is imported in as many ways as there are settings for it.
  if (!output || output.endsWith('.json')) return undefined
  return join(dirname(schema), output).replaceAll('\\', '/')
}
