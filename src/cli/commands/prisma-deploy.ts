import type { Database } from '../../adapters/database.js'
import { requireExternalTables } from '../../adapters/prisma/schema/external-tables.js'
import { nextStop } from '../../adapters/prisma/schema/next-stop.js'
import { openPrismaProject } from '../../adapters/prisma/schema/prisma-project.js'
import { readFolders } from '../../adapters/prisma/schema/read-folders.js'
import { deployAll, deployFirst } from '../../adapters/prisma/schema/step-deploy.js'
import type { BackfillDefinition } from '../../backfill/definition/definition.js'
import { refuseSequence } from '../../backfill/definition/sequence.js'
import { requireWritten } from '../../backfill/prepare/prepare-backfill.js'
import { readStatus } from '../../runs/read-status.js'
import type { RunResult } from '../../runs/run-result.js'
import { noteRecordedColumns } from '../../runs/versions/recorded-versions.js'
import type { CommandSpec } from '../command.js'
import { asRowshiftError } from '../describe-error.js'
import { type ExitCode, exitCodes } from '../exit-codes.js'
import { goOn } from '../go-on.js'
import { type Definitions, definitionNamed, loadConfig, loadDefinitions, withDatabase } from '../load-config.js'
import type { Answer, Output } from '../output.js'
import { runInView } from '../run-in-view.js'
import { describeResult, exitCodeOfResult, nextCommand, RunView } from '../run-view.js'

export const prismaDeploy: CommandSpec = {
  usage: 'deploy',
  summary: 'apply migrations by prisma migrate deploy, with the backfills in between',
  description: `Runs \`prisma migrate deploy\` up to the first migration with a backfill, runs the backfill to its end, and goes on. It stops
before a migration whose gate is shut because background workers are not done. It can be stopped, or killed, at any moment: the same
command goes on, and knows from the runs which backfills are done. The migrations' own folders are never touched.`,
  examples: [['rowshift prisma deploy', 'apply what is pending, and fill the rows']],
  exitCodes: [
    '0  every migration is applied',
    '1  a migration or a backfill failed',
    '3  interrupted, or a gate is shut: the same command goes on',
  ],
  async run({ options, output }) {
    const project = await loadConfig(options)
    const prisma = await openPrismaProject(project.folder)
    const folders = await readFolders(prisma.migrationsFolder)
    const definitions = await loadDefinitions(project)
    const definition = (name: string): BackfillDefinition => definitionNamed(project, definitions, name)
    const completed = await withDatabase(project, (database) => {
      requireExternalTables(prisma, database.stateNames)
      return completedRuns(database)
    }).catch(ignoreAbsent)
    // Its SQL looks for a run of that name, and a sequence has none.
    for (const name of folders.flatMap(({ backfills, gates }) => [...backfills, ...gates])) {
      const sequence = definitions.sequences.get(name)
      if (sequence) throw refuseSequence(sequence)
    }
    for (const name of folders.flatMap(({ backfills }) => backfills))
      if (!completed?.has(name)) requireWritten(definition(name))

    const results: RunResult[] = []
    let applied = 0
    const answer = (exitCode: ExitCode, gate: string | undefined, lines: readonly string[]): Answer => ({
      exitCode,
      json: { isDone: exitCode === exitCodes.done, backfills: results, gate: gate ?? null },
      lines,
    })
    for (let done = completed; ; done = await withDatabase(project, completedRuns)) {
      const stop = nextStop(folders, (name) => done?.has(name) === true)
      if (stop.at === 'end') {
        await deployAll(prisma, output.stdout)
        await withDatabase(project, noteRecordedColumns)
        return answer(exitCodes.done, undefined, [])
      }
      if (stop.count > applied) {
        await deployFirst(prisma, folders.slice(0, stop.count), output.stdout)
        applied = stop.count
        // A table without rows has its run completed by the migration.
        continue
      }
      if (stop.at === 'gate') return answer(exitCodes.unfinished, stop.name, gateLines(output, stop))
      for (const name of inOrder(stop.names, definitions)) {
        const view = new RunView(output)
        try {
          const result = await runInView(project, definition(name), { view, output, acceptsChanged: false })
          results.push(result)
          const lines = describeResult(output, result, view.share)
          const exitCode = exitCodeOfResult(result)
          if (exitCode !== exitCodes.done) return answer(exitCode, name, [...lines, ...nextLine(output, result)])
          for (const line of lines) output.line(line)
        } finally {
          view.dispose()
        }
      }
    }
  },
}

/** Those that others come after stand first, whatever the migration names first. */
function inOrder(names: readonly string[], definitions: Definitions): readonly string[] {
  const known = [...definitions.keys()]
  return names.toSorted((a, b) => known.indexOf(a) - known.indexOf(b))
}

function nextLine({ paint }: Output, result: RunResult): readonly string[] {
  const next = nextCommand(result)
  return [`${paint.dim('Next:')} ${next === undefined ? '' : `${next}, then `}rowshift prisma deploy`]
}

function gateLines({ paint }: Output, { name, migration }: { readonly name: string; readonly migration: string }) {
  return [
    `${paint.yellow('gate shut')}: ${migration} waits for the run of ${name}`,
    `${paint.dim('Next:')} ${goOn(name)}, then rowshift prisma deploy`,
  ]
}

async function completedRuns(database: Database): Promise<ReadonlySet<string>> {
  const runs = await readStatus(database)
  const done = runs.filter(({ run, failures }) => run.status === 'completed' && failures.failed === 0)
  return new Set(done.map(({ run }) => run.name))
}

/** Before the first migration there may be no database: Prisma makes it. */
function ignoreAbsent(error: unknown): undefined {
  if (asRowshiftError(error)?.code === 'DATABASE_UNAVAILABLE') return undefined
  throw error
}
