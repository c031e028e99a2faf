import { spawn } from 'node:child_process'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { PrismaProject } from './prisma-project.js'

export interface PrismaOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs Prisma's own command to its end, in the application's folder. */
export function runPrisma(project: PrismaProject, args: readonly string[]): Promise<PrismaOutcome> {
  const env = { ...process.env, NO_COLOR: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' }
  const child = spawn(process.execPath, [project.command, ...args], {
    cwd: project.folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** @throws RowshiftError PRISMA_FAILED with what Prisma said, unless the command succeeds */
export async function requirePrisma(project: PrismaProject, args: readonly string[]): Promise<PrismaOutcome> {
  const outcome = await runPrisma(project, args)
  if (outcome.code === 0) return outcome
  throw prismaFailed(args, outcome)
}

export function prismaFailed(args: readonly string[], { code, stdout, stderr }: PrismaOutcome): RowshiftError {
  const said = (stderr.trim() || stdout.trim()).replace(/^(Loaded Prisma config|Prisma schema loaded).*\n+/gm, '')
  const command = `prisma ${args.slice(0, 2).join(' ')}`
  return new RowshiftError('PRISMA_FAILED', {
    message: `\`${command}\` ended with exit code ${code}:\n${said}`,
    details: { command, exitCode: code },
  })
}
