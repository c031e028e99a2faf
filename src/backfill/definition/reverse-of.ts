import { RowshiftError } from '../../errors/rowshift-error.js'
import { noVerify } from './check-verify.js'
import { always } from './check-when.js'
import type { BackfillDefinition, DeclaredColumn, RowFunction, TransformWork } from './definition.js'

/** Ends the name of a definition that takes another one back, and of no other. */
export const undoSuffix = '#undo'

/**
 * The definition that takes a change back: it looks at the rows that `where` does not select (all, without a `where`), sees
 * the columns as they are after the change, and writes what `reverse` returns or sets. `'not-needed'` when there is nothing
 * to take back.
 *
 * @throws RowshiftError IRREVERSIBLE when the definition has no `reverse`
 */
export function reverseOf(definition: BackfillDefinition): BackfillDefinition | 'not-needed' {
  const { name, reverse, where, work } = definition
  if (reverse === 'not-needed') return reverse
  if (reverse === undefined) {
    throw new RowshiftError('IRREVERSIBLE', {
      message:
        work.form === 'delete' || work.form === 'dedupe'
          ? `backfill "${name}" keeps nothing of the rows it changes, so they cannot be brought back. Define it with \`journal: true\`${work.form === 'delete' ? ' or an `archive`' : ''} before it is run.`
          : `backfill "${name}" has no \`reverse\`, so its change cannot be taken back. Add one: 'not-needed' when the old ` +
            'values are still there, { set: { column: null } }, or (row) => the old values.',
      details: { backfill: name },
    })
  }
  return Object.freeze({
    ...definition,
    name: name + undoSuffix,
    where: where && Object.freeze({ condition: where.condition, isNegated: !where.isNegated }),
    reverse: undefined,
    journal: undefined,
    maxFailures: Object.freeze({ rows: 0 }),
    follow: false,
    verify: noVerify,
    when: always,
    after: [],
    work: Object.freeze(
      typeof reverse === 'function'
        ? reverseTransform(work as TransformWork, reverse)
        : ({ form: 'sql', set: reverse.set } as const),
    ),
  })
}

function reverseTransform({ select, write }: TransformWork, reverse: RowFunction): TransformWork {
  const filled = [...write].map(([column, declared]) => [column, widened(declared)] as const)
  return {
    form: 'transform',
    // A column that is in both is read as it was written, and written as it was read.
    select: new Map([...select, ...write]),
    write: new Map([...filled, ...select]),
    transform: { per: 'row', call: reverse },
    steps: [],
    unique: new Map(),
    validate: undefined,
    into: undefined,
    isPartial: true,
  }
}

/** A column that the change filled may have been NULL before, whatever it may be afterwards. */
function widened(declared: DeclaredColumn): DeclaredColumn {
  if (declared === 'mapped') return declared
  const { kind, allowed } = declared
  if (allowed === undefined) return Object.freeze({ kind, isNullable: true })
  return Object.freeze({ kind, isNullable: true, allowed: Object.freeze([...new Set([...allowed, null])]) })
}
