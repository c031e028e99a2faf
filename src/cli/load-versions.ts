import { relative } from 'node:path'
import { glob } from 'tinyglobby'
import { loadModule } from '../adapters/load-module.js'
import { didYouMean } from '../backfill/definition/nearest.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import { type ExportedVersions, versionsIn } from '../schema-version/versions-in.js'

/** Where versions are looked for, from the working directory. */
export const defaultVersionFiles = ['versions/*', 'src/versions/*']

/** Versions and the file that exports them. */
export interface FoundVersions extends ExportedVersions {
  readonly file: string
}

/** @throws RowshiftError INVALID_USAGE when nothing exports versions; VERSION_DUPLICATE for two of one name */
export async function loadVersions(files: readonly string[]): Promise<readonly FoundVersions[]> {
  const found = await findVersions(files)
  if (found.length > 0) return found
  throw new RowshiftError('INVALID_USAGE', {
    message: `nothing in ${files.join(', ')} exports what \`defineVersions\` returns. Name the file: \`--file src/versions.ts\`.`,
  })
}

/** All that there are. @throws RowshiftError VERSION_DUPLICATE for two of one name */
export async function findVersions(files: readonly string[]): Promise<readonly FoundVersions[]> {
  const ignore = ['**/node_modules/**', '**/*.d.{ts,mts,cts}']
  const paths = await glob([...files], { absolute: true, ignore })
  const found: FoundVersions[] = []
  for (const path of paths.filter((one) => /\.[cm]?[jt]s$/.test(one)).sort()) {
    const file = relative(process.cwd(), path)
    for (const exported of versionsIn(await loadModule(path))) found.push({ ...exported, file })
  }
  for (const one of found) {
    const other = found.find(({ history, versions }) => history.name === one.history.name && versions !== one.versions)
    if (!other) continue
    throw new RowshiftError('VERSION_DUPLICATE', {
      message: `versions "${one.history.name}" are in ${one.file} and in ${other.file}. Rename one, or name one file with \`--file\`.`,
      details: { versions: one.history.name },
    })
  }
  return found
}

/** @throws RowshiftError INVALID_USAGE */
export function versionsNamed(found: readonly FoundVersions[], name: string | undefined): FoundVersions {
  const names = found.map(({ history }) => history.name)
  const one = found.find(({ history }) => history.name === name)
  if (one) return one
  const message =
    name === undefined
      ? `name the versions: ${names.join(', ')}.`
      : `no versions are named "${name}". ${didYouMean(name, names)}`
  throw new RowshiftError('INVALID_USAGE', { message })
}
