import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { inject, onTestFinished } from 'vitest'
import { spawnTypeScript } from './spawn-typescript.js'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A TypeScript file running in a process of its own. */
export class Child {
  /** The lines written to standard output so far. */
  readonly lines: string[] = []
  /** What was written to standard error so far. */
  errors = ''
  /** Settles when the process is gone and all its output has been read. */
  readonly exited: Promise<Exit>

  readonly #process: ChildProcessWithoutNullStreams
  readonly #listeners = new Set<() => void>()

  constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process
    this.exited = new Promise((resolve, reject) => {
      process.once('error', reject)
      process.once('close', (code, signal) => resolve({ code, signal }))
    })
    createInterface({ input: process.stdout }).on('line', (line) => {
      this.lines.push(line)
      for (const listener of this.#listeners) listener()
    })
    process.stderr.on('data', (chunk) => {
      this.errors += chunk
    })
    // A line sent to a process that has just died is lost with it.
    process.stdin.on('error', () => {})
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The first line, of those written and those to come, that matches. @throws when the process exits without one. */
  async line(pattern: string | RegExp): Promise<string> {
    const find = () =>
      this.lines.find((line) => (typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)))
    let listener = () => {}
    const written = new Promise<void>((resolve) => {
      listener = () => {
        if (find() !== undefined) resolve()
      }
      this.#listeners.add(listener)
      listener()
    })
    await Promise.race([written, this.exited])
    this.#listeners.delete(listener)
    const line = find()
    if (line === undefined)
      throw new Error(`The process exited without a line that matches ${pattern}:\n${this.output()}`)
    return line
  }

  /** Writes a line to standard input. */
  send(line: string): void {
    this.#process.stdin.write(`${line}\n`)
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** SIGKILL: the process gets no chance to do anything more. */
  kill(): Promise<Exit> {
    this.signal('SIGKILL')
    return this.exited
  }

  /** Everything the process has written, for a failure's message. */
  output(): string {
    return [...this.lines, this.errors].join('\n')
  }
}

/** Starts a TypeScript file in a process of its own, which is killed at the latest when the test has finished. */
export function runChild(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Child {
  const options = { env: { ...process.env, ...env } }
  const bundled = bundleOf(file)
  const child = new Child(
    existsSync(bundled) ? spawn(process.execPath, [bundled, ...args], options) : spawnTypeScript(file, args, options),
  )
  onTestFinished(async () => {
    await child.kill()
  })
  return child
}

const bundleOf = (file: string): string =>
  join(inject('childrenFolder'), `${relative(join(__dirname, '../..'), file)}.js`)
