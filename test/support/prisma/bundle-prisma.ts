import { copyFile, mkdtemp, readdir, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../bundle.js'

const installed = join(__dirname, '../../../node_modules/prisma')

/** Bundles Prisma's command, as it is installed, with its dependencies, and gives the folder of a package that is otherwise the same. */
export async function bundlePrisma(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-prisma-'))
  await bundle(folder, {
    'build/cli': join(installed, 'build/cli.js'),
    // What a configuration imports is then loaded already.
    config: join(installed, 'config.js'),
  })
  // Copied: what it loads is beside it.
  await copyFile(join(installed, 'build/index.js'), join(folder, 'build/index.js'))
  for (const place of ['.', 'build']) {
    const made = new Set(await readdir(join(folder, place)))
    for (const name of await readdir(join(installed, place)))
      if (!made.has(name)) await symlink(join(installed, place, name), join(folder, place, name))
  }
  return folder
}
