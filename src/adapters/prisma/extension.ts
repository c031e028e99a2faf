import { type BulkCreateResult, bulkCreate } from '../../backfill/bulk/bulk-create.js'
import { type BulkUpdateResult, bulkUpdate } from '../../backfill/bulk/bulk-update.js'
import type { Backfill } from '../../backfill/definition/define-backfill.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { definitionsOf, isSequence, type Sequence } from '../../backfill/definition/sequence.js'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { type ForegroundOptions, runInForeground } from '../../runs/run-in-foreground.js'
import type { RunResult } from '../../runs/run-result.js'
import type { Database } from '../database.js'
import { filledAsByClient } from './client-fills.js'
import { openAdapter } from './database.js'
import { isPrismaClient, type PrismaClientLike } from './driver-adapter.js'
import { delegateName } from './mapped-model.js'
import { type BulkCreateRow, prismaModels, type Scalars } from './model-tokens.js'
import { factoryOf } from './prisma.js'
import type { PrismaRegistry } from './registry.js'
import { upgradeOnRead } from './upgrade-on-read.js'
import type { UpgradeOnReadModels } from './versioned-models.js'

export interface BulkUpdateOptions<R> {
  /** Fields of a unique constraint that rows are found by, where it is not the primary key. */
  readonly key?: readonly (keyof R & string)[]
  /** What happens when a row is not there: `error`, the default, writes nothing; `skip` updates the others. */
  readonly missing?: 'error' | 'skip'
}

export interface BulkCreateOptions<R> {
  /**
   * What happens to a row whose values in these fields, those of a unique constraint, are taken: `skip` leaves the row that is there as it is,
   * `update` writes the values into it, `fail`, the default, creates nothing.
   */
  readonly onConflict?: { readonly key: readonly (keyof R & string)[]; readonly do: 'skip' | 'update' | 'fail' }
}

export interface RowshiftOptions<C> {
  /** What the generator `rowshift-prisma` wrote. */
  readonly registry: PrismaRegistry
  /** Rows of models with a version column are upgraded when they are read. */
  readonly upgradeOnRead?: UpgradeOnReadModels<C>
}

/** What a model's method finds in `this`. */
interface ModelContext {
  readonly $name: string
  readonly $parent: PrismaClientLike
}

/**
 * An extension of the client.
 *
 *   const prisma = new PrismaClient({ adapter }).$extends(rowshift({ registry }))
 *   await prisma.$backfill(citySlug)
 *   await prisma.city.bulkUpdate([{ id: 1, slug: 'oslo' }, { id: 2, slug: 'bergen' }])
 *
 * Both work on connections of their own, so neither takes part in a `$transaction`.
 *
 *   rowshift<PrismaClient>({ registry, upgradeOnRead: { versions: { settings }, newer: 'fail', writeBack: true } })
 *
 * takes rows of earlier versions along when the client reads them, by any operation that gives rows and at any depth of `include` and
 * `select`: models with `/// @schemaVersion 2.0.0` and, above a field, `/// @schemaVersionColumn`. Rows that are selected in part stay
 * as they are. New rows get the version of the code, and `update` and `upsert` bring their row to it first. Reads throw RowshiftError
 * VERSION_NEWER, VERSION_UNKNOWN, VERSION_PATH and what steps throw.
 *
 * @throws RowshiftError ENTITY_NOT_FOUND, VERSION_MISSING, COLUMN_NOT_FOUND, INVALID_CONFIG, VERSION_UNKNOWN for `versions` that do not fit the registry
 */
export function rowshift<C = unknown>(options: RowshiftOptions<C>) {
  const { registry } = options
  const query = options.upgradeOnRead && {
    $allModels: { $allOperations: upgradeOnRead(registry, options.upgradeOnRead) },
  }
  return {
    name: 'rowshift',
    ...(query && { query }),
    client: {
      /**
       * Runs a backfill to its end: a new run, or the active one from its checkpoint. The backfills of a sequence one after another, up to the
       * first that is not completed: a result for each. @throws RowshiftError
       */
      async $backfill<D extends Backfill | Sequence>(
        given: D,
        options: Pick<ForegroundOptions, 'stop' | 'onProgress' | 'pace'> = {},
      ): Promise<D extends Sequence ? readonly RunResult[] : RunResult> {
        return withDatabase(this as unknown as PrismaClientLike, registry, async (database) => {
          const results = await runAll(database, definitionsOf(given), options)
          return (isSequence(given) ? results : results[0]) as D extends Sequence ? readonly RunResult[] : RunResult
        })
      },
    },
    model: {
      $allModels: {
        /**
         * Updates rows with different values for each, by their keys: one statement. A field that is undefined is left as it is, and
         * `@updatedAt` with it.
         * @throws RowshiftError ROW_NOT_FOUND, INVALID_VALUE, COLUMN_NOT_FOUND, KEY_NOT_UNIQUE, ROW_REFUSED, DATABASE_ERROR, DATABASE_UNAVAILABLE,
         * INVALID_USAGE inside a `$transaction`
         */
        async bulkUpdate<T>(
          this: T,
          rows: readonly Partial<Scalars<T>>[],
          { key, missing = 'error' }: BulkUpdateOptions<Scalars<T>> = {},
        ): Promise<BulkUpdateResult> {
          const { $name, $parent } = this as unknown as ModelContext
          return withDatabase($parent, registry, (database) =>
            bulkUpdate(database, undefined, {
              mapping: database.mapping(tokenOf($name)),
              rows: rows as readonly object[],
              key,
              missing,
            }),
          )
        },

        /**
         * Creates rows, all or none of them: one statement for up to 10,000 of those that have the same fields. A field that is undefined gets
         * the column's default, or what the client would fill in: a UUID, the moment of `@updatedAt`.
         *
         *   const { keys } = await prisma.city.bulkCreate([{ name: 'Oslo' }, { name: 'Bergen' }])
         *   keys[1] // { id: 8 }
         *
         * @throws RowshiftError INVALID_VALUE, COLUMN_NOT_FOUND, COLUMN_NOT_WRITABLE, UNIQUE_NEEDS_INDEX, CONFLICT, ROW_REFUSED, COMMIT_UNKNOWN,
         * DATABASE_ERROR, DATABASE_UNAVAILABLE, INVALID_USAGE inside a `$transaction`
         */
        async bulkCreate<T>(
          this: T,
          rows: readonly BulkCreateRow<T>[],
          { onConflict }: BulkCreateOptions<Scalars<T>> = {},
        ): Promise<BulkCreateResult<Partial<Scalars<T>>>> {
          const { $name, $parent } = this as unknown as ModelContext
          const filled = filledAsByClient(registry.models[$name], rows as readonly object[])
          return withDatabase($parent, registry, (database) =>
            bulkCreate(database, undefined, { mapping: database.mapping(tokenOf($name)), onConflict, ...filled }),
          )
        },
      },
    },
  }
}

async function runAll(
  database: Database,
  definitions: readonly BackfillDefinition[],
  options: Pick<ForegroundOptions, 'stop' | 'onProgress' | 'pace'>,
): Promise<readonly RunResult[]> {
  const results: RunResult[] = []
  for (const definition of definitions) {
    results.push(await runInForeground({ database, definition, ...options }))
    if (results.at(-1)?.status !== 'completed') break
  }
  return results
}

const tokenOf = (model: string): unknown => (prismaModels() as Record<string, unknown>)[delegateName(model)]

async function withDatabase<T>(
  client: PrismaClientLike,
  registry: PrismaRegistry,
  task: (database: Database) => Promise<T>,
): Promise<T> {
  // The client of a transaction is one without these.
  if (!isPrismaClient(client)) {
    throw new RowshiftError('INVALID_USAGE', {
      message:
        "this is called inside `$transaction`, whose connection is the client's alone: it would wait for the rows that the transaction has locked. Call it before or after.",
    })
  }
  const database = await openAdapter(factoryOf(client), registry)
  try {
    return await task(database)
  } finally {
    await database.close()
  }
}
