import { compare, valid } from 'semver'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { fieldsOf } from '../../schema-version/fields.js'
import { statedVersion } from '../../schema-version/schema-version.js'
import { type History, historyOf } from '../../schema-version/version-history.js'
import { isNull, metadataArgsStorage, type VersionProperty, versionProperty } from './schema-version-column.js'

/** What `UpgradeOnRead` is told. */
export interface UpgradeOnReadOptions {
  /** Rows of a version that the code does not know yet: pass as they are with a warning in the log (default), or make the read fail. */
  readonly newer?: 'warn' | 'fail'
  /** Writes what was upgraded, unless the row has another version by then. One statement a row, on the connection of the read. Default false. */
  readonly writeBack?: boolean
}

type Row = Record<string, unknown>

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
  readonly entity?: Row | undefined
  readonly databaseEntity?: Row | undefined
}

interface Versioned {
  readonly column: VersionProperty
  readonly version: string
  readonly history: History
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
  const stored = new WeakMap<object, Row>()

  class UpgradeOnReadSubscriber {
    afterLoad(entity: Row, event: EventLike): Promise<unknown> | undefined {
      const versioned = versionedBy(event.metadata.target)
      if (!versioned) return undefined
      const { column, version, history } = versioned
      // Not selected: what version the rest has cannot be told.
      if (entity[column.property] === undefined) return undefined
      const from = entity[column.property] ?? column.none
      if (from === undefined || from === version) return undefined
      if (typeof from === 'string' && valid(from) && compare(from, version) > 0) {
        return tooNew(event, from, version)
      }
      const before = upgradeInPlace(entity, from as string, versioned)
      if (!before) return undefined
      stored.set(entity, before)
      return writeBack ? write(entity, before, versioned, event) : undefined

      function tooNew({ metadata, dataSource }: EventLike, found: string, known: string): undefined {
        const message = `a row of ${metadata.name} has the version ${found}, and this code knows ${history.name} up to ${known}. Deploy the code that wrote it; until then do not save the row.`
        if (newer === 'fail') throw new RowshiftError('VERSION_NEWER', { message, details: { found, known } })
        dataSource.logger.log('warn', `rowshift: ${message}`)
        return undefined
      }
    }

    beforeInsert({ entity, metadata }: EventLike): void {
      const versioned = versionedBy(metadata.target)
      if (versioned && entity && entity[versioned.column.property] == null) {
        entity[versioned.column.property] = versioned.version
      }
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

function versionedBy(target: unknown): Versioned | undefined {
  const column = versionProperty(target)
  const stated = column && statedVersion(target)
  const history = stated && historyOf(stated.of)
  return history && { column, version: stated.version, history }
}

/** Upgrades an entity; what it held before, or undefined when it lacks fields of its version. */
function upgradeInPlace(entity: Row, from: string, { column, version, history }: Versioned): Row | undefined {
  const fields = fieldsOf(history.requireShape(from))
  if ([...fields.names].some((name) => entity[name] === undefined)) return undefined
  const upgraded = history.converter(from, version, 'plain').convert(entity, undefined) as Row
  const names = fieldsOf(history.requireShape(version)).names
  const before: Row = { [column.property]: entity[column.property] }
  for (const name of names) {
    if (upgraded[name] === undefined || upgraded[name] === entity[name]) continue
    before[name] = entity[name]
    entity[name] = upgraded[name]
  }
  entity[column.property] = version
  return before
}

/** Only where the row still has the version that was read: whoever was faster wins. */
function write(entity: Row, before: Row, { column }: Versioned, event: EventLike): Promise<unknown> {
  const { property } = column
  const values = Object.fromEntries(Object.keys(before).map((name) => [name, entity[name]]))
  const update = event.manager
    .createQueryBuilder()
    .update(event.metadata.target)
    .set(values)
    .whereInIds(event.metadata.getEntityIdMap(entity))
  const was = before[property]
  const still = update.andWhere({ [property]: was === null ? isNull() : was })
  return still.callListeners(false).updateEntity(false).execute()
}
