import { RowshiftError } from '../errors/rowshift-error.js'
import type { CrashTask } from './crash-calls.js'
import { errorOf, Member } from './member.js'
import type { Random } from './random.js'

/** Workers that are ready to stand in for one that is killed. */
const spares = 1

/** The workers of a crash test: always as many at work, whatever becomes of one. */
export class Crew {
  readonly #atWork: Member[] = []
  /** Those at work that have got so far as to work. */
  readonly #begun = new Set<Member>()
  readonly #ready: Member[] = []
  #suspended: Member | undefined
  #onEnd: (error?: RowshiftError) => void = () => undefined

  constructor(
    private readonly task: CrashTask,
    private readonly env: NodeJS.ProcessEnv,
    private readonly size: number,
    private readonly random: Random,
  ) {}

  /** Until all are there and wait for work. @throws RowshiftError what they are refused with */
  async gather(): Promise<void> {
    while (this.#ready.length < this.size + spares) this.#ready.push(this.#hire())
    await Promise.all(this.#ready.map((member) => member.ask('ready')))
  }

  /** Begins to work; settles when a run has ended. @throws RowshiftError what stops a worker for good */
  work(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#onEnd = (error) => (error ? reject(error) : resolve())
    })
    while (this.#atWork.length < this.size) this.#join()
    return ended
  }

  /** SIGKILL for any of them; another takes its place at once. False = nobody has begun. */
  async killOne(): Promise<boolean> {
    const victim = this.#choose()
    if (!victim) return false
    this.#atWork.splice(this.#atWork.indexOf(victim), 1)
    await victim.kill()
    this.#join()
    return true
  }

  /** SIGSTOP for any of them, as long as nobody else is suspended. False = nobody has begun. */
  suspendOne(): boolean {
    this.#suspended = this.#choose()
    this.#suspended?.suspend()
    return this.#suspended !== undefined
  }

  wake(): void {
    this.#suspended?.wake()
    this.#suspended = undefined
  }

  /** All finish the batch in hand. @throws RowshiftError what a worker met */
  async leave(): Promise<void> {
    this.wake()
    this.#onEnd = () => undefined
    await Promise.all(this.#atWork.map((member) => member.ask('leave')))
    this.#begun.clear()
    this.#ready.unshift(...this.#atWork.splice(0))
  }

  async disband(): Promise<void> {
    await Promise.all([...this.#atWork, ...this.#ready].map((member) => member.kill()))
  }

  #choose(): Member | undefined {
    const awake = this.#atWork.filter((member) => this.#begun.has(member) && member !== this.#suspended)
    return awake[Math.floor(this.random() * awake.length)]
  }

  #join(): void {
    const member = this.#ready.shift() ?? this.#hire()
    this.#atWork.push(member)
    member.ask('work').then(
      () => this.#begun.add(member),
      (error: RowshiftError) => this.#onEnd(error),
    )
    while (this.#ready.length < spares) this.#ready.push(this.#hire())
  }

  #hire(): Member {
    const member = new Member(this.task, this.env)
    member.onEvent = (event) => this.#onEnd(event.event === 'stopped' ? errorOf(event.error) : undefined)
    void member.exited.then(() => {
      if (!member.hasDied) return
      this.#onEnd(
        new RowshiftError('CRASH_TEST_UNUSABLE', { message: `a worker ended by itself. ${member.lastWords}` }),
      )
    })
    return member
  }
}
