import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findExport } from '../../adapters/find-export.js'
import { RowshiftError } from '../../errors/rowshift-error.js'

/** How records are converted in threads. */
export interface ParallelOptions {
  /**
   * The module that exports the versions, which every thread loads for itself, because functions cannot be sent to one: a path, or
   * `import.meta.url` where it is this very one. Default: the CommonJS or TypeScript module that is loaded and exports them.
   */
  readonly module?: string | URL
  /** How many threads. Default: measured. Records are converted without one first, and go on so unless threads are faster. */
  readonly workers?: number
  /** How many records a thread takes at a time. Default: as many as take 20 ms. */
  readonly chunk?: number
}

/** `true` leaves everything to be found. */
export type Parallel = true | ParallelOptions

/** The same, checked. */
export interface ParallelPlan {
  readonly file: string
  readonly workers: number | undefined
  readonly chunk: number | undefined
}

// Registered, so that any copy of rowshift in a thread knows that it is in one.
const threadKey = Symbol.for('rowshift.conversion-thread')

/** From now on this is a thread of a conversion. */
export function enterThread(): void {
  ;(globalThis as { [threadKey]?: true })[threadKey] = true
}

/** @throws RowshiftError PARALLEL_UNAVAILABLE, INVALID_USAGE; before anything is read */
export function planParallel(parallel: Parallel, name: string, versions: object): ParallelPlan {
  const { module, workers, chunk } = parallel === true ? {} : parallel
  for (const [option, value] of Object.entries({ workers, chunk })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue
    throw new RowshiftError('INVALID_USAGE', {
      message: `\`parallel.${option}\` is a whole number from 1, or left out.`,
    })
  }
  if (threadKey in globalThis) {
    throw unavailable(
      name,
      'the module that exports them converts records itself while a thread loads it. Move the versions to a module of their own',
    )
  }
  const file = module === undefined ? findExport(versions)?.file : pathOf(module)
  if (file === undefined) {
    throw unavailable(
      name,
      'functions cannot be moved to a thread, and no module is known that exports these. Export them and say where: `parallel: { module: import.meta.url }`, or the path of the module',
    )
  }
  if (!existsSync(file)) throw unavailable(name, `there is no module ${file} for a thread to load`)
  return { file, workers, chunk }
}

const pathOf = (module: string | URL): string =>
  String(module).startsWith('file:') ? fileURLToPath(module) : resolve(String(module))

export function unavailable(name: string, why: string, cause?: unknown): RowshiftError {
  return new RowshiftError('PARALLEL_UNAVAILABLE', {
    message: `versions "${name}" cannot be converted in threads: ${why}; or convert without \`parallel\`.`,
    details: { versions: name },
    cause,
  })
}
