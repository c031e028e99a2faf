import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import { loadModule } from '../../load-module.js'

/** An application's Prisma: its configuration, and where everything is. Paths are absolute. */
export interface PrismaProject {
  /** Where commands are run. */
  readonly folder: string
  readonly configFile: string
  readonly config: PrismaConfig
  /** The schema file, or the folder of its files. */
  readonly schema: string
  readonly schemaFiles: readonly string[]
  readonly migrationsFolder: string
  /** The file that starts Prisma's command. */
  readonly command: string
  readonly majorVersion: number
}

/** Of `prisma.config.ts`, what is read. */
export interface PrismaConfig {
  readonly schema?: string
  readonly migrations?: { readonly path?: string }
  readonly datasource?: { readonly url?: string }
  readonly tables?: { readonly external?: readonly string[] }
  readonly experimental?: { readonly externalTables?: boolean }
}

const extensions = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']
const configNames = [
  ...extensions.map((extension) => `prisma.config.${extension}`),
  ...extensions.map((extension) => `.config/prisma.${extension}`),
]

/**
 * The Prisma of the application in a folder.
 * @throws RowshiftError INVALID_CONFIG when Prisma, its configuration or its schema is missing
 */
export async function openPrismaProject(folder: string): Promise<PrismaProject> {
  const configFile = configNames.map((name) => join(folder, name)).find((file) => existsSync(file))
  if (configFile === undefined) {
    throw invalid(
      `there is no prisma.config.ts in ${folder}. Put it beside rowshift.config.ts: it says where schema and migrations are.`,
    )
  }
  const { default: exported } = await loadModule(configFile)
  const config = (exported ?? {}) as PrismaConfig
  const base = dirname(configFile)
  const schema = config.schema === undefined ? defaultSchema(folder) : resolve(base, config.schema)
  const schemaFiles = schema === undefined ? [] : filesOf(schema)
  if (schema === undefined || schemaFiles.length === 0) {
    throw invalid(
      `${configFile} leads to no schema${schema === undefined ? '' : ` at ${schema}`}. Name it: schema: 'prisma/schema.prisma'.`,
    )
  }
  const schemaFolder = schemaFiles[0] === schema ? dirname(schema) : schema
  const { path } = config.migrations ?? {}
  return {
    folder,
    configFile,
    config,
    schema,
    schemaFiles,
    migrationsFolder: path === undefined ? join(schemaFolder, 'migrations') : resolve(base, path),
    ...findPrisma(folder),
  }
}

const defaultSchema = (folder: string): string | undefined =>
  ['prisma/schema.prisma', 'schema.prisma'].map((name) => join(folder, name)).find((file) => existsSync(file))

/** A schema is a file, or all of the files in a folder. */
function filesOf(schema: string): readonly string[] {
  if (!existsSync(schema)) return []
  if (statSync(schema).isFile()) return [schema]
  return readdirSync(schema, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.prisma'))
    .map((name) => join(schema, name))
    .sort()
}

function findPrisma(folder: string): Pick<PrismaProject, 'command' | 'majorVersion'> {
  let manifest: string
  try {
    manifest = createRequire(join(folder, 'package.json')).resolve('prisma/package.json')
  } catch (cause) {
    throw invalid(`prisma is not installed in ${folder}: npm install --save-dev prisma.`, cause)
  }
  const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly bin: { readonly prisma: string }
    readonly version: string
  }
  return { command: join(dirname(manifest), bin.prisma), majorVersion: Number.parseInt(version, 10) }
}

function invalid(message: string, cause?: unknown): RowshiftError {
  return new RowshiftError('INVALID_CONFIG', { message, cause })
}
