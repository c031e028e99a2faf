import type { FilledKeys, Shape, ShapeType } from './shape.js'

/**
 * What a step returns: all that the next shape has and this one cannot supply. The rest is carried over, or overridden. `Filled` are
 * the columns that fill themselves.
 */
export type StepChanges<F, T, Filled = never> = {
  -readonly [K in keyof T as K extends Filled ? never : K extends keyof F ? (F[K] extends T[K] ? never : K) : K]: T[K]
} & {
  -readonly [K in keyof T as K extends Filled ? K : K extends keyof F ? (F[K] extends T[K] ? K : never) : never]?: T[K]
}

/**
 * From one version's row to what the other adds or changes. Synchronous, because a step may also run on every read. Conditional
 * on purpose: the compiler then fixes both shapes before it looks at the body. `self` takes a row inside this one through the same
 * step: `children: row.children.map(self)`. It refuses to go deeper than 500 rows, which only a row that holds itself does.
 */
export type StepFunction<F, T> = [F, T] extends [infer A, infer B]
  ? (
      row: ShapeType<A>,
      self: (row: ShapeType<A>) => ShapeType<B>,
    ) => StepChanges<ShapeType<A>, ShapeType<B>, FilledKeys<A, B>>
  : never

/** How rows come from the version before, and go back to it. */
export interface Onward<F, T> {
  readonly upgrade: StepFunction<F, T>
  readonly downgrade?: StepFunction<T, F>
  /** The shapes that {@link upgrade} was told, checked against the versions. */
  readonly between?: readonly [from: Shape, to: Shape]
}

/** The way back alone: what {@link downgrade} returns. */
export interface Back<F, T> {
  readonly downgrade: StepFunction<F, T>
  readonly between: readonly [from: Shape, to: Shape]
}

/**
 * A step between two history classes, schemas or columns, typed where it stands; a version is then defined with it.
 *
 *   const split = upgrade(UserV1, UserV2, (user) => ({ firstName: user.name.split(' ')[0] ?? '', lastName: '' }))
 *   defineVersions('User').version('1.0.0', UserV1).version('2.0.0', UserV2, split)
 */
export function upgrade<const F extends Shape, const T extends Shape>(
  from: F,
  to: T,
  apply: StepFunction<F, T>,
): Onward<F, T> {
  return { upgrade: apply, between: [from, to] }
}

/** The way back from a version to the one before: the last argument of `.version()`, after its `upgrade`. */
export function downgrade<const F extends Shape, const T extends Shape>(
  from: F,
  to: T,
  apply: StepFunction<F, T>,
): Back<F, T> {
  return { downgrade: apply, between: [from, to] }
}

export type UntypedRow = Readonly<Record<string, unknown>>
export type UntypedStep = (row: UntypedRow, self: (row: UntypedRow) => UntypedRow) => UntypedRow

/** A step between two versions. Without a function every field of the target is there already, or fills itself. */
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
