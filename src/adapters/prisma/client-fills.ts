import { randomBytes, randomUUID } from 'node:crypto'
import { RowshiftError } from '../../errors/rowshift-error.js'
import type { RegistryField, RegistryModel } from './registry.js'

interface FilledRows {
  readonly rows: readonly object[]
  /** Fields that only new rows are given. */
  readonly initial: ReadonlySet<string>
}

/**
 * Rows with what the client would have filled in: UUIDs, the moment of `@updatedAt`, and the version of the code in a version column.
 * @throws RowshiftError INVALID_VALUE for what only the client can make up, and nobody has supplied
 */
export function filledAsByClient(model: RegistryModel | undefined, rows: readonly object[]): FilledRows {
  const fields = Object.entries(model?.fields ?? {}).filter(([, { clientFills }]) => clientFills !== undefined)
  const { versionColumn, version } = model ?? {}
  const now = new Date()
  return {
    initial: new Set([
      ...fields.flatMap(([name, { clientFills }]) => (clientFills === 'moment' ? [] : [name])),
      ...(versionColumn ? [versionColumn.field] : []),
    ]),
    rows: rows.map((row, position) => {
      const filled: Record<string, unknown> = { ...row }
      for (const [name, field] of fields)
        if (filled[name] === undefined) filled[name] = madeValue(name, field, now, position)
      if (versionColumn && filled[versionColumn.field] === undefined) filled[versionColumn.field] = version ?? undefined
      return filled
    }),
  }
}

function madeValue(name: string, { clientFills, isNullable }: RegistryField, now: Date, position: number): unknown {
  if (clientFills === 'moment') return now
  if (clientFills === 'uuid4') return randomUUID()
  if (clientFills === 'uuid7') return uuid7(now)
  if (isNullable) return undefined
  throw new RowshiftError('INVALID_VALUE', {
    message: `row ${position} has no "${name}", which only the client of Prisma can make (cuid, ulid, nanoid). Supply it.`,
    details: { field: name },
  })
}

/** 48 bits of milliseconds, the version, 12 random bits, the variant, 62 random bits. */
function uuid7(now: Date): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now.getTime(), 0, 6)
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
