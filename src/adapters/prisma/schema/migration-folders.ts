import { join } from 'node:path'
import type { MigrationTexts, ScriptedBackfill } from '../../../dialects/migration-texts.js'
import type { StateNames } from '../../../dialects/state-statements.js'
import type { SourceFile } from '../../migration-file.js'
import type { PrismaStages } from './read-schema.js'

/** What is known of a change when its folders are written. */
export interface FolderContent {
  /** `city-slug` */
  readonly name: string
  readonly time: Date
  readonly migrationsFolder: string
  /** `City 1.0.0 to 2.0.0.` */
  readonly summary: string
  readonly stages: PrismaStages
  /** Definitions whose runs the first folder begins, and their text by the path that it gets. */
  readonly backfills: readonly (ScriptedBackfill & { readonly file: string; text(path: string): string })[]
  readonly versions: readonly { readonly table: string; readonly to: string }[]
  readonly isProgressive: boolean
  /** Whether an earlier migration has made the state tables. */
  readonly hasState: boolean
  readonly texts: MigrationTexts
  readonly stateNames: StateNames
}

/**
 * The folders of a change, as `prisma migrate deploy` reads them: one where no row has to be filled; else one that expands, with the
 * definitions beside it, and one that contracts, behind its gate.
 */
export function migrationFolders(content: FolderContent): readonly SourceFile[] {
  const { name, summary, stages, backfills, texts, stateNames } = content
  const files: SourceFile[] = []
  let offset = 0
  const folder = (suffix: string, parts: readonly string[]): string => {
    const path = join(content.migrationsFolder, `${timestamp(content.time, offset++)}_${name}${suffix}`)
    files.push({ path: join(path, 'migration.sql'), text: `${parts.filter((part) => part !== '').join('\n')}` })
    return path
  }
  const versions = (migration: string) =>
    `-- What the tables have become.\n${content.versions.map(({ table, to }) => texts.recordVersion(stateNames, table, to, migration)).join('')}`

  if (!content.hasState) {
    const state = join(content.migrationsFolder, `${timestamp(content.time, offset++)}_rowshift_state`)
    const text = `${stateMark}\n-- Where rowshift keeps its runs. Made by the first migration that needs it.\n${texts.createState(stateNames)}`
    files.push({ path: join(state, 'migration.sql'), text })
  }
  if (backfills.length === 0) {
    folder('', [`-- ${summary}\n`, stages.expand, stages.contract, versions(name)])
    return files
  }
  const marks = (kind: MarkKind) => backfills.map((backfill) => `${markOf(kind, backfill.name)}\n`).join('')
  const begun = content.isProgressive
    ? `-- Background workers fill the rows: rowshift work.\n${backfills.map((one) => texts.schedule(stateNames, one)).join('\n')}`
    : `-- rowshift prisma deploy fills the rows before it goes on; a table without rows needs none.\n${backfills
        .map((one) => texts.completeIfEmpty(stateNames, one))
        .join('\n')}`
  const expand = folder('', [
    `-- ${summary} First half: whatever permits more, so that rows of both versions fit.\n${marks(content.isProgressive ? 'schedule' : 'backfill')}`,
    stages.expand,
    begun,
  ])
  for (const { file, text } of backfills) {
    const path = join(expand, file)
    files.push({ path, text: text(path) })
  }
  folder('_contract', [
    `-- ${summary} Second half: the gate, and behind it what the old version would not have borne.\n${marks('gate')}`,
    `-- Fails until every row is filled.\n${backfills.map((one) => texts.gate(stateNames, one)).join('\n')}`,
    stages.contract,
    versions(`${name}_contract`),
  ])
  return files
}

/** 20261121130000: Prisma sorts by it. */
function timestamp(time: Date, seconds: number): string {
  return new Date(time.getTime() + seconds * 1000).toISOString().replace(/\D/g, '').slice(0, 14)
}

type MarkKind = 'backfill' | 'schedule' | 'gate'

const stateMark = '-- rowshift:state'

const markOf = (kind: MarkKind, backfill: string): string => `-- rowshift:${kind} ${backfill}`

/** What a migration says about backfills, in comments on lines of their own. */
export interface FolderMarks {
  readonly hasState: boolean
  /** Definitions that are run to their end before the next migration. */
  readonly backfills: readonly string[]
  /** Definitions whose runs must be completed before the migration. */
  readonly gates: readonly string[]
}

export function readMarks(text: string): FolderMarks {
  const named = (kind: MarkKind) =>
    [...text.matchAll(new RegExp(`^-- rowshift:${kind} (.+)$`, 'gm'))].map((match) => match[1]!.trim())
  return {
    hasState: text.split('\n').includes(stateMark),
    backfills: named('backfill'),
    gates: named('gate'),
  }
}
