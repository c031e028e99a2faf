import { compare } from 'semver'
import { withCode } from '../backfill/definition/steps.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { type CompiledStep, compileStep } from './compile-step.js'
import { Conversion } from './conversion.js'
import { asynchronous, convertAll, convertAllInChunks } from './convert-all.js'
import type {
  ConvertManyOptions,
  ConvertOptions,
  ConvertStreamOptions,
  RecordSource,
  RetryOptions,
  StampedVersion,
} from './convert-options.js'
import { RecordStream } from './convert-stream.js'
import { Converter } from './converter.js'
import { type FinishOptions, finisher, type ResultKind } from './finish.js'
import { ChunkFlow } from './parallel/chunk-flow.js'
import { classTable } from './parallel/class-table.js'
import { type Parallel, planParallel } from './parallel/options.js'
import type { ThreadTask } from './parallel/thread-task.js'
import { requireVersion } from './semver.js'
import type { Shape } from './shape.js'
import { type DefinedStep, reachable, shortestPath, type UntypedRow, type UntypedStep } from './steps.js'

// Registered, so that two copies of rowshift in one process understand each other's versions.
const historyKey = Symbol.for('rowshift.versions')

/** What the rest of rowshift asks of `defineVersions`. */
export interface History {
  readonly name: string
  /** Oldest first. */
  readonly versions: readonly string[]
  shape(version: string): Shape | undefined
  /** @throws RowshiftError VERSION_UNKNOWN */
  requireShape(version: string): Shape
  /** Whether steps lead from one version to another. */
  hasPath(from: string, to: string): boolean
  /** Whether one of those steps has a function. @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH */
  hasFunction(from: string, to: string): boolean
  /** @throws RowshiftError VERSION_UNKNOWN, VERSION_PATH, VALIDATION_UNAVAILABLE */
  converter(from: string, to: string, as: ResultKind, options?: FinishOptions): Converter
}

/** The versions behind a value, undefined when it is not what `defineVersions` returned. */
export function historyOf(value: unknown): History | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as { readonly [historyKey]?: History })[historyKey]
}

/** The steps of `.version()`, as they come at run time. */
interface GivenSteps {
  readonly upgrade?: UntypedStep
  readonly downgrade?: UntypedStep
  readonly between?: readonly [from: Shape, to: Shape]
}

// A class, because TypeORM instantiates every function that it finds among the members of an export: these are on the prototype.
export class VersionHistory implements History {
  readonly kind = 'versions'
  readonly #shapes: ReadonlyMap<string, Shape>
  readonly #steps: readonly DefinedStep[]
  readonly #compiled = new Map<string, readonly CompiledStep[]>()
  readonly #converters = new Map<string, Converter>()

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

  get latest(): string | undefined {
    return this.versions.at(-1)
  }

  shape(version: string): Shape | undefined {
    return this.#shapes.get(version)
  }

  requireShape(version: string): Shape {
    this.#require(version)
    return this.#shapes.get(version)!
  }

  hasPath(from: string, to: string): boolean {
    return shortestPath(this.#steps, from, to) !== undefined
  }

  version(version: string, shape: Shape, onward: GivenSteps = {}, back: GivenSteps = {}) {
    requireVersion(version, `versions "${this.name}"`)
    const { latest } = this
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
      const before = this.#shapes.get(latest)!
      const isBack = onward.upgrade === undefined && onward.downgrade !== undefined
      this.#requireBetween(onward, isBack ? [shape, before] : [before, shape], version)
      this.#requireBetween(back, [shape, before], version)
      if (onward.downgrade && back.downgrade) throw this.#twice(version, latest)
      const downgrade = onward.downgrade ?? back.downgrade
      steps.push({ from: latest, to: version, apply: onward.upgrade })
      if (downgrade) steps.push({ from: version, to: latest, apply: downgrade })
    }
    return new VersionHistory(this.name, new Map([...this.#shapes, [version, shape]]), steps)
  }

  step(from: string, to: string, apply: UntypedStep) {
    this.#require(from)
    this.#require(to)
    if (this.#steps.some((step) => step.from === from && step.to === to)) throw this.#twice(from, to)
    return new VersionHistory(this.name, this.#shapes, [...this.#steps, { from, to, apply }])
  }

  hasFunction(from: string, to: string): boolean {
    return this.path(from, to).some(({ isAutomatic }) => !isAutomatic)
  }

  path(from: string, to: string) {
    return this.#compile(from, to).map(({ apply: _, code, ...step }) => withCode(step, code))
  }

  convert(row: UntypedRow, options: ConvertOptions<string, string>): unknown {
    const converter = this.converter(options.from, options.to ?? this.latest!, options.as ?? 'validated', options)
    const result = converter.convert(row, undefined)
    if (result instanceof Promise) throw asynchronous(converter, result)
    return result
  }

  convertAll(records: Iterable<UntypedRow>, options: ConvertStreamOptions<string, string>): unknown {
    const conversion = this.#conversion(options)
    if (options.parallel === undefined) return convertAll(conversion, records)
    return convertAllInChunks(conversion, this.#flow(conversion, options.parallel, undefined).chunks(records))
  }

  convertStream(source: RecordSource<UntypedRow>, options: ConvertStreamOptions<string, string>): RecordStream {
    const { parallel, retry } = options
    const conversion = this.#conversion(options)
    const flow = parallel === undefined ? undefined : this.#flow(conversion, parallel, retry)
    return new RecordStream(conversion, source, retry, flow && ((rows) => flow.chunks(rows)))
  }

  /** A conversion as threads take part in it. */
  #flow(conversion: Conversion, parallel: Parallel, retry: RetryOptions | undefined): ChunkFlow {
    const plan = planParallel(parallel, this.name, this)
    const { from, to = this.latest!, as = 'validated', validator, transformer } = conversion.options
    const task: ThreadTask = {
      file: plan.file,
      name: this.name,
      versions: this.versions,
      to,
      as,
      finish: { ...(validator && { validator }), ...(transformer && { transformer }) },
      stamp: typeof from === 'object' ? (from as StampedVersion<string>).key : undefined,
      retry,
    }
    return new ChunkFlow(conversion, plan, task, classTable([...this.#shapes.values()]))
  }

  converter(from: string, to: string, as: ResultKind, options: FinishOptions = {}): Converter {
    const { validator, transformer } = options
    const isStandard = validator === undefined && transformer === undefined
    const key = `${from} ${to} ${as}`
    const known = isStandard ? this.#converters.get(key) : undefined
    if (known) return known
    const steps = this.#compile(from, to)
    const converter = new Converter(this.name, from, to, steps, finisher(this.#shapes.get(to)!, as, options))
    if (isStandard) this.#converters.set(key, converter)
    return converter
  }

  #conversion(options: ConvertManyOptions<string, string>): Conversion {
    const { to = this.latest!, as = 'validated' } = options
    return new Conversion(options, (from) => this.converter(from, to, as, options))
  }

  /** Shapes are looked at on first use: a class has all its decorators by then. */
  #compile(from: string, to: string): readonly CompiledStep[] {
    const key = `${from} ${to}`
    const known = this.#compiled.get(key)
    if (known) return known
    this.#require(from)
    this.#require(to)
    const path = shortestPath(this.#steps, from, to)
    if (!path) throw this.#noPath(from, to)
    const compiled = path.map((step) =>
      compileStep(this.name, step, this.#shapes.get(step.from)!, this.#shapes.get(step.to)!),
    )
    this.#compiled.set(key, compiled)
    return compiled
  }

  #requireBetween({ between }: GivenSteps, [from, to]: readonly [Shape, Shape], version: string): void {
    if (!between || (between[0] === from && between[1] === to)) return
    throw new RowshiftError('INVALID_DEFINITION', {
      message: `versions "${this.name}": a step given with ${version} is between other shapes than this version and the one before. Give \`upgrade(before, this, ...)\` and \`downgrade(this, before, ...)\`; a step between others is \`.step(from, to, ...)\`.`,
      details: { versions: this.name, version },
    })
  }

  #require(version: string): void {
    if (this.#shapes.has(version)) return
    throw new RowshiftError('VERSION_UNKNOWN', {
      message: `versions "${this.name}" have no ${version}. They have ${this.versions.join(', ') || 'none yet'}.`,
      details: { versions: this.name, version },
    })
  }

  #twice(from: string, to: string): RowshiftError {
    return new RowshiftError('VERSION_DUPLICATE', {
      message: `versions "${this.name}" have two steps from ${from} to ${to}. Keep one.`,
      details: { versions: this.name, from, to },
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
