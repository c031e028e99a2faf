/*
 * Prisma by structure: what rowshift uses of a client and its driver adapter, in 6.19 as in 7.10.
 */

/** What a client is given as its `adapter`: `new PrismaPg({ connectionString })`. */
export interface DriverAdapterFactory {
  readonly provider: string
  readonly adapterName: string
  connect(): Promise<unknown>
}

/** A driver adapter that a factory has connected. */
export interface DriverAdapter {
  /** The pool of `pg` or `mariadb`. */
  underlyingDriver?(): unknown
  /** Of better-sqlite3, whose adapter has no `underlyingDriver`. */
  readonly client?: unknown
  getConnectionInfo?(): { readonly schemaName?: string }
  dispose(): Promise<void>
}

/** A generated client, extended or not. */
export interface PrismaClientLike {
  $connect(): Promise<void>
  $disconnect(): Promise<void>
}

export function isDriverAdapterFactory(value: unknown): value is DriverAdapterFactory {
  const candidate = value as Partial<DriverAdapterFactory> | null | undefined
  return typeof candidate?.adapterName === 'string' && typeof candidate.connect === 'function'
}

export function isPrismaClient(value: unknown): value is PrismaClientLike {
  const candidate = value as Partial<PrismaClientLike> | null | undefined
  return typeof candidate?.$connect === 'function' && typeof candidate.$disconnect === 'function'
}

/** The adapter that a client was made with. The client has no public way to say it; undefined for one with an engine of its own. */
export function adapterOf(client: PrismaClientLike): DriverAdapterFactory | undefined {
  const { _engineConfig } = client as { readonly _engineConfig?: { readonly adapter?: unknown } }
  return isDriverAdapterFactory(_engineConfig?.adapter) ? _engineConfig.adapter : undefined
}
