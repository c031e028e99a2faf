import { type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio, spawn } from 'node:child_process'
import { join } from 'node:path'

const register = join(__dirname, '../../scripts/register-typescript.cjs')

/** Runs a TypeScript file in a Node process of its own: the very process, with no wrapper around it. */
export function spawnTypeScript(
  file: string,
  args: readonly string[] = [],
  options: SpawnOptionsWithoutStdio = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, ['-r', register, file, ...args], { ...options, stdio: 'pipe' })
}
