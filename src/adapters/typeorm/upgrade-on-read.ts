import { statedVersion } from '../../schema-version/schema-version.js'
import {
  stampNewRow,
  type UpgradeOnReadOptions,
  upgradedValues,
  upgradeRow,
  type VersionedRow,
  type VersionedRows,
} from '../../schema-version/upgrade-on-read.js'
import { historyOf } from '../../schema-version/version-history.js'
import { isNull, metadataArgsStorage, versionProperty } from './schema-version-column.js'

interface UpdateBuilderLike {
  update(target: unknown): UpdateBuilderLike
  set(values: object): UpdateBuilderLike
  whereInIds(id: unknown): UpdateBuilderLike
  andWhere(condition: object): UpdateBuilderLike
  callListeners(enabled: boolean): UpdateBuilderLike
  updateEntity(enabled: boolean): UpdateBuilderLike
  execute(): Promise<unknown>
}

/** An event of TypeORM, by structure. */
interface EventLike {
  readonly metadata: {
    readonly target: unknown
    readonly name: string
    getEntityIdMap(entity: object): object | undefined
  }
  readonly manager: { createQueryBuilder(): UpdateBuilderLike }
  readonly dataSource: { readonly logger: { log(level: 'warn', message: string): unknown } }
  readonly entity?: VersionedRow | undefined
  readonly databaseEntity?: VersionedRow | undefined
}

/**
 * A subscriber that takes rows of earlier versions along when TypeORM loads them, by find, joins or a query builder: entities with
 * `@SchemaVersion('2.0.0', { of })` and a `@SchemaVersionColumn()`. Rows that are selected in part stay as they are. What is upgraded is
 * in memory; saving a change of such an entity stores all of it with its new version, in one statement.
 *
 *   new DataSource({ ..., subscribers: [UpgradeOnRead({ newer: 'fail' })] })
 *
 * Reads throw RowshiftError VERSION_NEWER, VERSION_UNKNOWN, VERSION_PATH and what steps throw.
 */
export function UpgradeOnRead(options: UpgradeOnReadOptions = {}): new () => object {
  const { newer = 'warn', writeBack = false } = options
  /** What the loaded entities hold in the table, where that is something else. */
  const stored = new WeakMap<object, VersionedRow>()

  class UpgradeOnReadSubscriber {
    afterLoad(entity: VersionedRow, event: EventLike): Promise<unknown> | undefined {
      const rows = versionedRows(event)
      if (!rows) return undefined
      const before = upgradeRow(entity, rows, newer, (message) => event.dataSource.logger.log('warn', message))
      if (!before) return undefined
      stored.set(entity, before)
      return writeBack ? write(entity, before, rows, event) : undefined
    }

    beforeInsert(event: EventLike): void {
      const rows = versionedRows(event)
      if (rows && event.entity) stampNewRow(event.entity, rows)
    }

    /**
     * TypeORM compares with what it has just loaded, which was upgraded as well: a change of one field would be stored without the others,
     * and without the version. So it is shown what the table holds.
     */
    beforeUpdate({ databaseEntity }: EventLike): void {
      const before = databaseEntity && stored.get(databaseEntity)
      if (before) Object.assign(databaseEntity, before)
    }
  }

  metadataArgsStorage().entitySubscribers.push({ target: UpgradeOnReadSubscriber })
  return UpgradeOnReadSubscriber
}

function versionedRows({ metadata: { target, name } }: EventLike): VersionedRows | undefined {
  const column = versionProperty(target)
  const stated = column && statedVersion(target)
  const history = stated && historyOf(stated.of)
  return history && { entity: name, column, version: stated.version, history }
}

/** Only where the row still has the version that was read: whoever was faster wins. */
function write(
  entity: VersionedRow,
  before: VersionedRow,
  { column }: VersionedRows,
  event: EventLike,
): Promise<unknown> {
  const { property } = column
  const update = event.manager
    .createQueryBuilder()
    .update(event.metadata.target)
    .set(upgradedValues(entity, before))
    .whereInIds(event.metadata.getEntityIdMap(entity))
  const was = before[property]
  const still = update.andWhere({ [property]: was === null ? isNull() : was })
  return still.callListeners(false).updateEntity(false).execute()
}
