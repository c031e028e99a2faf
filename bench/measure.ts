/** One line of a benchmark's report. */
export interface Measure {
  readonly name: string
  /** Things done in a second: the median of the rounds. */
  readonly perSecond: number
  /** The best round: what the machine can do when nothing disturbs it. */
  readonly bestPerSecond: number
  /** The best round by the processor's time in this process: the same on a busy machine. Includes collecting garbage. */
  readonly perCpuSecond: number
  /** What a second counts: `records`, `rows`. */
  readonly unit: string
  /** Things done in a round. */
  readonly count: number
}

const rounds = 9

/** Does something to `count` things again and again, after a round that is not counted. */
export async function measure(
  name: string,
  { unit, count }: { readonly unit: string; readonly count: number },
  round: () => unknown,
): Promise<Measure> {
  await round()
  const rates: number[] = []
  let perCpuSecond = 0
  for (let i = 0; i < rounds; i++) {
    const started = performance.now()
    const cpu = process.cpuUsage()
    await round()
    rates.push(count / ((performance.now() - started) / 1000))
    const { user, system } = process.cpuUsage(cpu)
    perCpuSecond = Math.max(perCpuSecond, count / ((user + system) / 1e6))
  }
  rates.sort((a, b) => a - b)
  const whole = (rate: number) => Math.round(rate)
  return {
    name,
    unit,
    count,
    perSecond: whole(rates[rounds >> 1]!),
    bestPerSecond: whole(rates.at(-1)!),
    perCpuSecond: whole(perCpuSecond),
  }
}
