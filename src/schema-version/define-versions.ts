import { compare } from 'semver'
import { RowshiftError } from '../errors/rowshift-error.js'
import { requireVersion, type SemVer } from './semver.js'
import { columnsOf, type Shape, type ShapeType } from './shape.js'
import {
  type DefinedStep,
  reachable,
  type StepChanges,
  type StepFunction,
  shortestPath,
  type UntypedRow,
  type UntypedStep,
} from './steps.js'

/** How rows come from the version before, and go back to it. */
export interface Onward<F, T> {
  readonly upgrade: StepFunction<F, T>
  readonly downgrade?: StepFunction<T, F>
}

/** Required when the version before cannot supply every field. */
type OnwardArguments<F, T> = [F] extends [never]
  ? []
  : Record<never, never> extends StepChanges<ShapeType<F>, ShapeType<T>>
    ? [steps?: Partial<Onward<F, T>>]
    : [steps: Onward<F, T>]

/** What `convert` is told. */
export interface ConvertOptions<From, To> {
  readonly from: From
  readonly to: To
  /** `plain`: the fields as the steps made them. */
  readonly as: 'plain'
}

/** The versions of one kind of row, oldest first, and the steps between them. Immutable. `L` is the latest version. */
export interface Versions<M extends object = object, L = unknown> {
  readonly kind: 'versions'
  readonly name: string
  /**
   * A further version: its shape, and how rows come from the one before. Not needed where that one has every field.
   *
   * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE, VERSION_ORDER
   */
  version<const N extends SemVer, const S extends Shape>(
    version: N extends keyof M ? `${N & string} is already defined` : N,
    shape: S,
    ...steps: OnwardArguments<M[L & keyof M], S>
  ): Versions<M & { readonly [K in N]: S }, N>
  /**
   * A direct step between any two versions, which the shortest way then takes.
   *
   * @throws RowshiftError VERSION_UNKNOWN, VERSION_DUPLICATE
   */
  step<const A extends keyof M, const B extends keyof M>(
    from: A,
    to: B,
    apply: StepFunction<M[A], M[B]>,
  ): Versions<M, L>
  /**
   * One row from one version to another, by the fewest steps.
   *
   * @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH when no steps lead there, STEP_INCOMPLETE when one leaves out a column
   */
  convert<const From extends keyof M, const To extends keyof M>(
    row: ShapeType<M[From]>,
    options: ConvertOptions<From, To>,
  ): ShapeType<M[To]>
}

/** Begins the versions of one kind of row: `defineVersions('City').version('1.0.0', { id: 'integer', name: 'text' })`. */
export function defineVersions(name: string): Versions<Record<never, never>, never> {
  return new VersionHistory(name, new Map(), []) as unknown as Versions<Record<never, never>, never>
}

// Registered, so that two copies of rowshift in one process understand each other's versions.
const historyKey = Symbol.for('rowshift.versions')

/** What the rest of rowshift asks of `defineVersions`. */
export interface History {
  readonly name: string
  /** Oldest first. */
  readonly versions: readonly string[]
  shape(version: string): Shape | undefined
  /** Whether steps lead from one version to another. */
  hasPath(from: string, to: string): boolean
}

/** The versions behind a value, undefined when it is not what `defineVersions` returned. */
export function historyOf(value: unknown): History | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as { readonly [historyKey]?: History })[historyKey]
}

// A class, because TypeORM instantiates every function that it finds among the members of an export: these are on the prototype.
class VersionHistory implements History {
  readonly kind = 'versions'
  readonly #shapes: ReadonlyMap<string, Shape>
  readonly #steps: readonly DefinedStep[]

  constructor(
    readonly name: string,
    shapes: ReadonlyMap<string, Shape>,
    steps: readonly DefinedStep[],
  ) {
    this.#shapes = shapes
    this.#steps = steps
    Object.freeze(this)
  }

  get [historyKey](): History {
    return this
  }

  get versions(): readonly string[] {
    return [...this.#shapes.keys()]
  }

  shape(version: string): Shape | undefined {
    return this.#shapes.get(version)
  }

  hasPath(from: string, to: string): boolean {
    return shortestPath(this.#steps, from, to) !== undefined
  }

  version(
    version: string,
    shape: Shape,
    { upgrade, downgrade }: { upgrade?: UntypedStep; downgrade?: UntypedStep } = {},
  ) {
    requireVersion(version, `versions "${this.name}"`)
    const latest = this.versions.at(-1)
    if (this.#shapes.has(version)) {
      throw new RowshiftError('VERSION_DUPLICATE', {
        message: `versions "${this.name}" have ${version} twice. Give the later one the next version.`,
        details: { versions: this.name, version },
      })
    }
    if (latest !== undefined && compare(version, latest) < 0) {
      throw new RowshiftError('VERSION_ORDER', {
        message: `versions "${this.name}" have ${version} after ${latest}. Define them oldest first: each one's steps lead from the one before.`,
        details: { versions: this.name, version, latest },
      })
    }
    const steps: DefinedStep[] = [...this.#steps]
    if (latest !== undefined) {
      steps.push({ from: latest, to: version, apply: upgrade })
      if (downgrade) steps.push({ from: version, to: latest, apply: downgrade })
    }
    return new VersionHistory(this.name, new Map([...this.#shapes, [version, shape]]), steps)
  }

  step(from: string, to: string, apply: UntypedStep) {
    this.#require(from)
    this.#require(to)
    if (this.#steps.some((step) => step.from === from && step.to === to)) {
      throw new RowshiftError('VERSION_DUPLICATE', {
        message: `versions "${this.name}" have two steps from ${from} to ${to}. Keep one.`,
        details: { versions: this.name, from, to },
      })
    }
    return new VersionHistory(this.name, this.#shapes, [...this.#steps, { from, to, apply }])
  }

  convert(row: UntypedRow, { from, to }: ConvertOptions<string, string>): UntypedRow {
    this.#require(from)
    this.#require(to)
    const path = shortestPath(this.#steps, from, to)
    if (!path) throw this.#noPath(from, to)
    let converted = row
    for (const step of path) converted = this.#apply(step, converted)
    return converted
  }

  #apply(step: DefinedStep, row: UntypedRow): UntypedRow {
    const changed = step.apply ? { ...row, ...step.apply(row) } : row
    const columns = columnsOf(this.#shapes.get(step.to)!)
    if (!columns) return changed
    const next: Record<string, unknown> = {}
    for (const column of Object.keys(columns)) {
      if (changed[column] === undefined) {
        throw new RowshiftError('STEP_INCOMPLETE', {
          message: `versions "${this.name}": the step from ${step.from} to ${step.to} gives no "${column}". Return it, or null where the column may be empty.`,
          details: { versions: this.name, from: step.from, to: step.to, column },
        })
      }
      next[column] = changed[column]
    }
    return next
  }

  #require(version: string): void {
    if (this.#shapes.has(version)) return
    throw new RowshiftError('VERSION_UNKNOWN', {
      message: `versions "${this.name}" have no ${version}. They have ${this.versions.join(', ') || 'none yet'}.`,
      details: { versions: this.name, version },
    })
  }

  #noPath(from: string, to: string): RowshiftError {
    const known = reachable(this.#steps, from)
    const kind = compare(from, to) < 0 ? 'upgrade' : 'downgrade'
    return new RowshiftError('VERSION_PATH', {
      message: `versions "${this.name}": no steps lead from ${from} to ${to}; from ${from} they reach ${known.filter((version) => version !== from).join(', ') || 'nothing'}. Add the missing \`${kind}\`, or a direct \`.step('${from}', '${to}', ...)\`.`,
      details: { versions: this.name, from, to, reached: known },
    })
  }
}
