/** One line of a benchmark's report. */
export interface Measure {
  readonly name: string
  /** Things done in a second: the median of the rounds. */
  readonly perSecond: number
  /** The best round: what the machine can do when nothing disturbs it. */
  readonly bestPerSecond: number
  /** The best round by the processor's time in this process, threads included: the same on a busy machine. Includes collecting garbage. */
  readonly perCpuSecond: number
  /** What a second counts: `records`, `rows`. */
  readonly unit: string
  /** Things done in a round. */
  readonly count: number
}

/** Something that is done to `count` things, again and again. */
export interface Case {
  readonly name: string
  readonly unit: string
  readonly count: number
  readonly round: () => unknown
}

/** Measures cases side by side: each round does all of them, so that what disturbs the machine disturbs them alike. The first is not counted. */
export async function measure(cases: readonly Case[], rounds: number): Promise<readonly Measure[]> {
  const found = cases.map(() => ({ rates: [] as number[], perCpuSecond: 0 }))
  for (let i = 0; i <= rounds; i++) {
    for (const [at, { round, count }] of cases.entries()) {
      const started = performance.now()
      const cpu = process.cpuUsage()
      await round()
      const seconds = (performance.now() - started) / 1000
      const { user, system } = process.cpuUsage(cpu)
      if (i === 0) continue
      const { rates, perCpuSecond } = found[at]!
      rates.push(count / seconds)
      found[at]!.perCpuSecond = Math.max(perCpuSecond, count / ((user + system) / 1e6))
    }
  }
  return cases.map(({ name, unit, count }, at) => {
    const { rates, perCpuSecond } = found[at]!
    rates.sort((a, b) => a - b)
    return {
      name,
      unit,
      count,
      perSecond: Math.round(rates[rounds >> 1]!),
      bestPerSecond: Math.round(rates.at(-1)!),
      perCpuSecond: Math.round(perCpuSecond),
    }
  })
}
