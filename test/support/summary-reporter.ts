import type { Reporter, SerializedError, TestModule, Vitest } from 'vitest/node'

/**
 * Ends the run's output with one line in plain words, `12 passed, 0 failed` (`, 1 skipped` if any), for readers of logs that
 * do not know vitest. Names the databases that were not tested before it.
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
    const skipped = count.skipped + count.pending

    for (const [name, server] of Object.entries(this.#vitest?.getRootProject().getProvidedContext().servers ?? {}))
      if ('unavailable' in server) print(`SKIPPED: nothing was tested on ${name} (${server.unavailable})`)
    print(`${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
