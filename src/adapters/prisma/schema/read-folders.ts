import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FolderMarks, readMarks } from './migration-folders.js'

/** A folder of a migration, as it is on the disk. */
export interface MigrationFolder extends FolderMarks {
  /** `20261121130000_city_slug` */
  readonly name: string
  /** Absolute. */
  readonly path: string
}

/** The migrations in the order in which Prisma applies them; none where there is no folder. */
export async function readFolders(migrationsFolder: string): Promise<readonly MigrationFolder[]> {
  if (!existsSync(migrationsFolder)) return []
  const entries = await readdir(migrationsFolder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const folders = names.sort().map(async (name) => {
    const path = join(migrationsFolder, name)
    const file = join(path, 'migration.sql')
    return existsSync(file) ? [{ name, path, ...readMarks(await readFile(file, 'utf8')) }] : []
  })
  return (await Promise.all(folders)).flat()
}
