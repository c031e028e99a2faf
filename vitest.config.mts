import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    reporters: ['default', './test/support/summary-reporter.ts'],
    // Threads cannot change their working directory, which commands that run in a test's process do.
    pool: 'forks',
    // A process keeps its modules from file to file. To load the ORMs, the drivers and the sources anew for each would be a third of the work
    // of most files. So a file leaves the process as it was: environment, time zone, listeners.
    isolate: false,
    // One more than the processors of a small machine: tests also wait, for leases, locks and processes of their own.
    maxWorkers: 3,
    // Long enough for a machine that does much else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
