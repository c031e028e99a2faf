import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

/** The example's folder, where the commands of the story are typed. This file runs from `dist/story`. */
const folder = join(__dirname, '../..')

const programs = {
  typeorm: require.resolve('typeorm/cli.js'),
  rowshift: join(dirname(require.resolve('rowshift/package.json')), 'dist/cli/main.js'),
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

/** A command in a process of its own. */
export interface Running {
  readonly process: ChildProcess
  readonly exit: Promise<Exit>
}

/** Starts `typeorm …` or `rowshift …`: the very process, with nothing around it, so that it can be killed. */
export function start(command: string, databaseUrl: string, onLine: (line: string) => void = () => {}): Running {
  const [program, ...args] = command.split(' ') as [keyof typeof programs, ...string[]]
  const startedAt = performance.now()
  const child = spawn(process.execPath, [programs[program], ...args], {
    cwd: folder,
    env: { ...process.env, DATABASE_URL: databaseUrl, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text
    })
  }
  createInterface({ input: child.stdout }).on('line', onLine)
  const exit = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...output, ms: performance.now() - startedAt }))
  })
  return { process: child, exit }
}

/** Runs a command to its end. */
export function run(command: string, databaseUrl: string): Promise<Exit> {
  return start(command, databaseUrl).exit
}
