import type { Command } from 'commander'

/** What both ways to generate migrations are told, TypeORM's and Prisma's. */
export interface GenerateOptions {
  readonly rename?: readonly string[]
  readonly progressive?: boolean
  readonly dryRun?: boolean
  readonly check?: boolean
}

export const generateExitCodes: readonly string[] = [
  '0  written, or nothing to do',
  '1  with --check: something would be generated',
  '2  the change is unclear',
]

/** Adds the options to a command; what `--progressive` writes is the ORM's own. */
export const generateOptions =
  (progressive: string) =>
  (command: Command): Command =>
    command
      .option(
        '--rename <old:new>',
        'a renamed column, table.old:new if several tables have it; `none`: nothing was renamed',
        (value: string, before: readonly string[] = []) => [...before, value],
      )
      .option('--progressive', progressive)
      .option('--dry-run', 'print the files, write nothing')
      .option('--check', 'write nothing; exit 1 when something would be generated')
