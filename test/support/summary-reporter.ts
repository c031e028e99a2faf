import type { ProvidedContext } from 'vitest'
import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node'

/**
 * Ends the run's output with one line in plain words, `12 passed, 0 failed` (`, 1 skipped` if any), for readers of logs that
 * do not know vitest. Before it come the databases that were not tested; where all of them have to be, each one fails the run.
 */
export default class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      // A file that does not load, or a hook that throws, fails the run without failing a test.
      count.failed += module.errors().length
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    // Either the setup threw or a filter matched no file; nothing has been shown to work.
    if (modules.length === 0) count.failed ||= 1

    for (const [name, reason] of this.#untested()) {
      print(`SKIPPED: nothing was tested on ${name} (${reason})`)
      if (!isEveryDatabaseRequired()) continue
      count.failed++
      process.exitCode = 1
    }
    const skipped = count.skipped + count.pending
    print(`${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  }

  #untested(): [name: string, reason: string][] {
    const servers: Partial<ProvidedContext['servers']> =
      this.#vitest?.getRootProject().getProvidedContext().servers ?? {}
    return Object.entries(servers).flatMap(([name, server]) =>
      'unavailable' in server ? [[name, server.unavailable]] : [],
    )
  }
}

/** On a developer's machine a database may be missing; in continuous integration its tests must not vanish in silence. */
function isEveryDatabaseRequired(): boolean {
  const { CI, ROWSHIFT_TEST_ALL } = process.env
  return ROWSHIFT_TEST_ALL === '1' || (CI !== undefined && CI !== '' && CI !== 'false')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
