import { nestedClass } from '../class-libraries.js'
import { fieldsOf } from '../fields.js'
import { isClass, type Shape } from '../shape.js'
import type { AnyConstructor } from './movable.js'

/** The classes of all versions and those that `@Type` names in them, in an order that is the same wherever the module is loaded. */
export function classTable(shapes: readonly Shape[]): readonly AnyConstructor[] {
  const table = new Set<AnyConstructor>(shapes.filter(isClass))
  // A Set visits what is added while it is walked through.
  for (const target of table) {
    for (const field of fieldsOf(target).names) {
      const nested = nestedClass(target, field)
      if (nested) table.add(nested)
    }
  }
  return [...table]
}
