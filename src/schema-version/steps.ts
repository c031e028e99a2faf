import type { ShapeType } from './shape.js'

/** What a step returns: all that the next shape has and this one cannot supply. The rest is carried over, or overridden. */
export type StepChanges<F, T> = {
  -readonly [K in keyof T as K extends keyof F ? (F[K] extends T[K] ? never : K) : K]: T[K]
} & {
  -readonly [K in keyof T as K extends keyof F ? (F[K] extends T[K] ? K : never) : never]?: T[K]
}

/**
 * From one version's row to what the other adds or changes. Synchronous, because a step may also run on every read. Conditional
 * on purpose: the compiler then fixes both shapes before it looks at the body.
 */
export type StepFunction<F, T> = [F, T] extends [infer A, infer B]
  ? (row: ShapeType<A>) => StepChanges<ShapeType<A>, ShapeType<B>>
  : never

export type UntypedRow = Readonly<Record<string, unknown>>
export type UntypedStep = (row: UntypedRow) => UntypedRow

/** A step between two versions. Without a function every field of the target is there already. */
export interface DefinedStep {
  readonly from: string
  readonly to: string
  readonly apply: UntypedStep | undefined
}

/** The fewest steps from one version to another, undefined when there is no way. Of two ways as short, the one defined first. */
export function shortestPath(
  steps: readonly DefinedStep[],
  from: string,
  to: string,
): readonly DefinedStep[] | undefined {
  const ways = new Map<string, readonly DefinedStep[]>([[from, []]])
  // A Map visits what is added while it is walked through: breadth first.
  for (const [version, way] of ways) {
    if (version === to) return way
    for (const step of steps) if (step.from === version && !ways.has(step.to)) ways.set(step.to, [...way, step])
  }
  return undefined
}

/** The versions that can be reached from one, itself included. */
export function reachable(steps: readonly DefinedStep[], from: string): readonly string[] {
  const found = new Set([from])
  for (const version of found) for (const step of steps) if (step.from === version) found.add(step.to)
  return [...found]
}
