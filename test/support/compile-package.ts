import { execFile } from 'node:child_process'
import { cp, mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const repository = join(__dirname, '../..')
const execute = promisify(execFile)

/** Compiles the sources as they are now, and gives the folder of a package that projects can install. */
export async function compilePackage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rowshift-package-'))
  await cp(join(repository, 'package.json'), join(folder, 'package.json'))
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
  const tsc = join(repository, 'node_modules/.bin/tsc')
  const args = ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  // What it refuses is on standard output, which the error's message leaves out.
  await execute(tsc, args).catch(({ message, stdout }) => Promise.reject(new Error(`${message}${stdout}`)))
  await execute(process.execPath, [join(repository, 'scripts/write-esm-wrappers.mjs'), folder])
  return folder
}
