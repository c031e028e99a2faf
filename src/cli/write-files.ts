import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import type { SourceFile } from '../adapters/migration-file.js'
import { RowshiftError } from '../errors/rowshift-error.js'

/** Writes new files. @throws RowshiftError INVALID_USAGE before the first, when one is there already */
export async function writeFiles(files: readonly SourceFile[]): Promise<void> {
  const present = files.find(({ path }) => existsSync(path))
  if (present) {
    throw new RowshiftError('INVALID_USAGE', {
      message: `${relative(process.cwd(), present.path)} is there already. Delete it to have it written anew, or raise @SchemaVersion.`,
    })
  }
  for (const { path, text } of files) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text, { flag: 'wx' })
  }
}
