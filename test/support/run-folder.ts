import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Where Linux keeps files in memory. */
const memory = '/dev/shm'

/** Four times what a run of all tests has at once. */
const roomBytes = 2 * 1024 ** 3

/**
 * Makes the folder that everything of a run is in: the data of its servers, its SQLite files and projects. In memory where there is
 * room for it: thousands of databases are made and dropped, and the disk would take longer than all the rest.
 */
export async function makeRunFolder(): Promise<string> {
  const folder = (await makeIn(memory).catch(() => undefined)) ?? (await makeFolder(tmpdir()))
  removeAfterwards(folder)
  return folder
}

async function makeIn(place: string): Promise<string | undefined> {
  const { bavail, bsize } = await statfs(place)
  if (bavail * bsize < roomBytes) return undefined
  const folder = await makeFolder(place)
  try {
    // Commands of packages that a project has installed are run there, which containers may forbid.
    const program = join(folder, 'program')
    await writeFile(program, '#!/bin/sh\n', { mode: 0o755 })
    await promisify(execFile)(program)
    return folder
  } catch {
    await rm(folder, { recursive: true })
    return undefined
  }
}

/** A run that is killed must not leave the machine without its memory, or its disk: removes the folder when this process has ended, however it does. */
function removeAfterwards(folder: string): void {
  // What the run has started needs a moment to end as well.
  const script = 'cat > /dev/null; for seconds in 5 20; do sleep $seconds; rm -rf "$0"; done'
  const child = spawn('sh', ['-c', script, folder], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  ;(child.stdin as Socket).unref()
}

async function makeFolder(place: string): Promise<string> {
  const folder = await mkdtemp(join(place, 'rowshift-'))
  // Servers that are started by root leave its rights behind, and have folders of their own in it.
  await chmod(folder, 0o755)
  return folder
}
