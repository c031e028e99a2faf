import { dirname } from 'node:path'
import type { FoundOrm, Provider } from './find-orm.js'

/** The config that `rowshift init` writes, for a folder of definitions beside it. */
export function initConfig(found: FoundOrm | undefined, backfills: string): string {
  return found?.orm === 'prisma' ? forPrisma(found, backfills) : forTypeorm(found?.dataSource, backfills)
}

function forTypeorm(dataSource: string | undefined, backfills: string): string {
  const path = dataSource ?? 'src/data-source.ts'
  const extension = /\.[cm]?js$/.test(path) ? 'js' : 'ts'
  const database = dataSource ? '' : '  // The file that exports your DataSource, as for `typeorm -d`.\n'
  return `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({
${database}  database: typeorm('./${path}'),
  backfills: '${backfills}/*.${extension}',
})
`
}

const adapters: Readonly<Record<Provider, { readonly name: string; readonly from: string; readonly options: string }>> =
  {
    postgresql: {
      name: 'PrismaPg',
      from: '@prisma/adapter-pg',
      options: '{ connectionString: process.env.DATABASE_URL }',
    },
    mysql: { name: 'PrismaMariaDb', from: '@prisma/adapter-mariadb', options: 'process.env.DATABASE_URL!' },
    sqlite: {
      name: 'PrismaBetterSqlite3',
      from: '@prisma/adapter-better-sqlite3',
      options: '{ url: process.env.DATABASE_URL! }',
    },
  }

function forPrisma(
  { schema, provider, registry }: Extract<FoundOrm, { readonly orm: 'prisma' }>,
  backfills: string,
): string {
  const { name, from, options } = adapters[provider]
  const named = registry === undefined ? '' : `import { registry } from './${registry.replace(/\.[cm]?ts$/, '')}'\n`
  return `import { ${name} } from '${from}'
import { defineConfig } from 'rowshift'
import { prisma } from 'rowshift/prisma'
${named}
export default defineConfig({
  database: prisma(new ${name}(${options})${named && ', { registry }'}),
  backfills: ['${backfills}/*.ts', '${dirname(schema)}/migrations/*/backfill*.ts'],
})
`
}
