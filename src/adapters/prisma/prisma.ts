import { resolve } from 'node:path'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { Database, DatabaseSource } from '../database.js'
import { loadModule } from '../load-module.js'
import { openAdapter } from './database.js'
import {
  adapterOf,
  type DriverAdapterFactory,
  isDriverAdapterFactory,
  isPrismaClient,
  type PrismaClientLike,
} from './driver-adapter.js'
import type { PrismaRegistry } from './registry.js'

/** A generated client that has a driver adapter, or the adapter: `new PrismaPg({ connectionString })`. */
export type PrismaConnection = PrismaClientLike | DriverAdapterFactory

/** The file that exports a client or an adapter, one of these itself, or a function that makes one. */
export type PrismaSource = string | PrismaConnection | (() => PrismaConnection | Promise<PrismaConnection>)

export interface PrismaOptions {
  /** What the generator `rowshift-prisma` wrote: needed for models and their versions, not for tables by name. */
  readonly registry?: PrismaRegistry
}

/**
 * A database through Prisma, for `defineConfig` and `createWorker`. It is reached by the client's driver adapter, over connections of
 * its own, which are closed when the work is done; the client itself is neither used nor closed.
 *
 *   prisma('./src/db.ts', { registry })
 *   prisma(client)
 *   prisma(new PrismaPg({ connectionString }))
 *
 * Opening throws RowshiftError INVALID_CONFIG when the file has no client, UNSUPPORTED_DATABASE for a client without a driver adapter
 * and for adapters that rowshift has no dialect for.
 */
export function prisma(source: PrismaSource, options: PrismaOptions = {}): DatabaseSource {
  return {
    kind: 'database-source',
    async open(): Promise<Database> {
      return openAdapter(factoryOf(await find(source)), options.registry)
    },
  }
}

/** @throws RowshiftError UNSUPPORTED_DATABASE */
export function factoryOf(connection: PrismaConnection): DriverAdapterFactory {
  if (isDriverAdapterFactory(connection)) return connection
  const factory = adapterOf(connection)
  if (factory) return factory
  throw new RowshiftError('UNSUPPORTED_DATABASE', {
    message:
      'this Prisma client has no driver adapter. Pass one to it, `new PrismaClient({ adapter })`, or to rowshift alone: `prisma(new PrismaPg({ connectionString }))`.',
  })
}

async function find(source: PrismaSource): Promise<PrismaConnection> {
  if (typeof source === 'function') return source()
  if (typeof source !== 'string') return source
  const path = resolve(source)
  let exports: Readonly<Record<string, unknown>>
  try {
    exports = await loadModule(path)
  } catch (cause) {
    throw new RowshiftError('INVALID_CONFIG', {
      message: `the file ${path} could not be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    })
  }
  for (const value of Object.values(exports)) {
    const found: unknown = await value
    if (isPrismaClient(found) || isDriverAdapterFactory(found)) return found
  }
  throw new RowshiftError('INVALID_CONFIG', {
    message: `${path} exports neither a PrismaClient nor a driver adapter. Export one, as for the rest of the application.`,
  })
}
