import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { glob } from 'tinyglobby'
import { bundle } from './bundle.js'

const repository = join(__dirname, '../..')

/** Bundles the programs that tests run in processes of their own, and gives the folder that has them by the paths of their sources. */
export async function bundleChildren(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-children-'))
  const files = await glob('test/*/fixtures/*.ts', { cwd: repository, absolute: true })
  await bundle(folder, Object.fromEntries(files.map((file) => [relative(repository, file), file])))
  return folder
}
