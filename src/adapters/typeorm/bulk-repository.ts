import type { Database, Session } from '../database.js'
import type { DataSourceLike, QueryRunnerLike } from './data-source.js'
import { borrowSession, databaseOf } from './database.js'

/** A repository of TypeORM, by structure. */
export interface BulkRepository<E> {
  readonly target: unknown
  readonly manager: { readonly queryRunner?: unknown }
  findOneBy(where: never): Promise<E | null>
}

/** Where a repository's rows are: its database, and the transaction of its manager if one is open. */
export async function placeOf({ manager: given }: Pick<BulkRepository<unknown>, 'manager'>): Promise<{
  readonly dataSource: DataSourceLike
  readonly database: Database
  readonly enclosing: Session | undefined
}> {
  const { queryRunner, ...manager } = given as {
    readonly dataSource?: DataSourceLike
    readonly connection?: DataSourceLike
    readonly queryRunner?: QueryRunnerLike
  }
  const dataSource = (manager.dataSource ?? manager.connection)!
  const enclosing = queryRunner?.isTransactionActive ? await borrowSession(queryRunner) : undefined
  return { dataSource, database: databaseOf(dataSource), enclosing }
}
