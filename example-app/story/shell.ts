import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

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

/** Where the commands of the story are typed. */
export class Shell {
  /**
   * @param folder of the application
   * @param programs the file that Node runs for the first word of a command
   * @param env besides the variables of this process
   */
  constructor(
    private readonly folder: string,
    private readonly programs: Readonly<Record<string, string>>,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Starts `typeorm …` or `rowshift …`: the very process, with nothing around it, so that it can be killed. */
  start(command: string, onLine: (line: string) => void = () => {}): Running {
    const [program = '', ...args] = command.split(' ')
    const startedAt = performance.now()
    const child = spawn(process.execPath, [this.programs[program]!, ...args], {
      cwd: this.folder,
      env: { ...process.env, ...this.env, NO_COLOR: '1' },
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
  run(command: string): Promise<Exit> {
    return this.start(command).exit
  }
}
