import type { DatabaseSource } from '../adapters/database.js'
import { isBackfill } from '../backfill/definition/definition.js'
import { didYouMean } from '../backfill/definition/nearest.js'
import { isSequence } from '../backfill/definition/sequence.js'
import type { DataSourceConfig, TenantsConfig } from '../config.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { checkTenants } from '../runs/tenants/tenants.js'
import { checkPace } from '../runs/throttle/pace-options.js'
import { asRowshiftError, withoutCode } from './describe-error.js'

/** The data source that a command is about, of those that a config has. @throws RowshiftError INVALID_CONFIG */
export function chooseDataSource(
  file: string,
  value: unknown,
  name: string | undefined,
): { readonly name: string | undefined; readonly config: DataSourceConfig | TenantsConfig } {
  const { dataSources } = (value ?? {}) as { readonly dataSources?: unknown }
  if (dataSources === undefined) {
    if (name === undefined) return { name, config: checkConfig(file, value) }
    throw invalid(`${file} has one data source, without a name. Leave \`--data-source ${name}\` out.`)
  }
  const names = typeof dataSources === 'object' && dataSources !== null ? Object.keys(dataSources) : []
  if (names.length === 0) {
    throw invalid(`${file}: \`dataSources\` names none. Write { dataSources: { main: { database, backfills } } }.`)
  }
  const others = Object.keys(value as object).filter((option) => option !== 'dataSources')
  if (others.length > 0) {
    throw invalid(`${file}: \`${others[0]}\` belongs inside one of the \`dataSources\`, not beside them.`)
  }
  if (name === undefined)
    throw invalid(`${file} has several data sources: name one by \`--data-source\`: ${names.join(', ')}.`)
  if (!names.includes(name)) throw invalid(`${file} has no data source "${name}". ${didYouMean(name, names)}`)
  const config = (dataSources as Readonly<Record<string, unknown>>)[name]
  return { name, config: checkConfig(`${file}, data source "${name}"`, config) }
}

const expected = `Export \`default defineConfig({ database, backfills: 'src/backfills/*.ts' })\`, where \`database\` is \`typeorm('./src/data-source.ts')\` or \`prisma('./src/db.ts')\`.`

/** What is given bare where it has to be wrapped, told by a property that it alone has. */
const bareConnections = [
  { property: 'initialize', remedy: 'Wrap the data source: `typeorm(dataSource)`.' },
  { property: '$connect', remedy: 'Wrap the client: `prisma(client)`.' },
  { property: 'adapterName', remedy: 'Wrap the driver adapter: `prisma(adapter)`.' },
]

function checkConfig(file: string, value: unknown): DataSourceConfig | TenantsConfig {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    throw invalid(`${file} has no default export. ${expected}`)
  }
  const known = ['database', 'tenants', 'backfills', 'pace']
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw invalid(`${file}: there is no option \`${name}\`. ${didYouMean(name, known)}`)
  }
  const { database, tenants, backfills } = value as Partial<DataSourceConfig & TenantsConfig>
  if (tenants !== undefined) {
    if (database !== undefined)
      throw invalid(`${file}: \`database\` and \`tenants\` exclude each other. Leave one out.`)
    inFile(file, () => checkTenants(tenants))
  } else if (typeof (database as Partial<DatabaseSource> | undefined)?.open !== 'function') {
    const bare = bareConnections.find(({ property }) => property in Object(database))
    throw invalid(
      `${file}: \`database\` must be what \`typeorm()\` or \`prisma()\` returns. ${bare?.remedy ?? expected}`,
    )
  }
  const list = typeof backfills === 'string' ? [backfills] : backfills
  if (!Array.isArray(list) || list.length === 0) throw invalid(`${file}: \`backfills\` names no files. ${expected}`)
  for (const item of list) {
    if (typeof item === 'string' ? item !== '' : isBackfill(item) || isSequence(item)) continue
    throw invalid(`${file}: \`backfills\` holds something that is neither a glob nor a definition. ${expected}`)
  }
  const { pace } = value as Partial<DataSourceConfig>
  if (pace !== undefined) inFile(file, () => checkPace(pace))
  return value as DataSourceConfig | TenantsConfig
}

/** What an option is refused for, with the place of the file. */
function inFile(file: string, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    const known = asRowshiftError(error)
    if (!known) throw error
    throw new RowshiftError(known.code, {
      message: `${file}: ${withoutCode(known.code, known.message)}`,
      details: { ...known.details, file },
    })
  }
}

export function invalid(message: string, cause?: unknown): RowshiftError {
  return new RowshiftError('INVALID_CONFIG', { message, cause })
}
