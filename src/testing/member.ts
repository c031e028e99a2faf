import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type ErrorDocument, withoutCode } from '../cli/describe-error.js'
import { RowshiftError } from '../errors/rowshift-error.js'
import type { CrashCall, CrashCalls, CrashMessage, CrashTask } from './crash-calls.js'

/** What a member tells unasked. */
export type MemberEvent = Extract<CrashMessage, { readonly event: string }>

interface Waiting {
  readonly resolve: (answer: never) => void
  readonly reject: (error: RowshiftError) => void
}

/** A process of a crash test, from outside: asked, suspended, killed. */
export class Member {
  /** Settles when the process is gone. */
  readonly exited: Promise<unknown>
  onEvent: (event: MemberEvent) => void = () => undefined

  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #asked = 0
  #errors = ''
  #isDoomed = false

  constructor(task: CrashTask, env: NodeJS.ProcessEnv) {
    this.#process = fork(join(__dirname, 'crash-process.js'), [JSON.stringify(task)], {
      env: { ...process.env, ...env },
      // Not those of a test runner.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#process.stderr?.on('data', (chunk) => {
      this.#errors = `${this.#errors}${chunk}`.slice(-2_000)
    })
    this.#process.on('message', (message: CrashMessage) => this.#hear(message))
    this.#process.on('error', () => undefined)
    this.exited = once(this.#process, 'close').then(
      () => this.#fail(),
      () => this.#fail(),
    )
  }

  /** Whether it has ended without having been killed. */
  get hasDied(): boolean {
    return !this.#isDoomed && (this.#process.exitCode !== null || this.#process.signalCode !== null)
  }

  /** The end of what it wrote to standard error. */
  get lastWords(): string {
    return this.#errors
  }

  /** @throws RowshiftError what the process met; CRASH_TEST_UNUSABLE when it is gone */
  ask<C extends CrashCall>(call: C): ReturnType<CrashCalls[C]> {
    const id = ++this.#asked
    const answer = new Promise<never>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#process.send({ id, call }, (error) => {
        if (error) this.#fail()
      })
    })
    return answer as ReturnType<CrashCalls[C]>
  }

  suspend(): void {
    this.#process.kill('SIGSTOP')
  }

  wake(): void {
    this.#process.kill('SIGCONT')
  }

  /** SIGKILL: it gets no chance to do anything more. */
  async kill(): Promise<void> {
    this.#isDoomed = true
    this.#process.kill('SIGKILL')
    await this.exited
  }

  #hear(message: CrashMessage): void {
    if ('event' in message) return this.onEvent(message)
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if ('error' in message) waiting?.reject(errorOf(message.error))
    else waiting?.resolve(message.answer as never)
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) {
      reject(
        new RowshiftError('CRASH_TEST_UNUSABLE', {
          message: `a process of the crash test is gone${this.#errors ? `:\n${this.#errors}` : '.'}`,
        }),
      )
    }
    this.#waiting.clear()
  }
}

export function errorOf({ code, message, details }: ErrorDocument): RowshiftError {
  return new RowshiftError(code, { message: withoutCode(code, message), details })
}
