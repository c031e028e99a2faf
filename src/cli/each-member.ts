import type { Sequence } from '../backfill/definition/sequence.js'
import type { Call, CommandSpec } from './command.js'
import { type ExitCode, exitCodes } from './exit-codes.js'
import { counted } from './format.js'
import type { Answer } from './output.js'

/**
 * Carries a command that is given the name of a sequence out for its backfills, by their names, one after another; `stops`: up to the first
 * of which it is not done.
 */
export async function forEachMember<O>(
  spec: CommandSpec<O>,
  call: Call<O>,
  { name }: Sequence,
  { members, stops = false }: { readonly members: readonly string[]; readonly stops?: boolean },
): Promise<Answer> {
  const { output } = call
  const answers: Answer[] = []
  for (const member of members) {
    const answer = await spec.run({ ...call, name: member })
    answers.push(answer)
    for (const line of answer.lines) output.line(line)
    if (stops && answer.exitCode !== exitCodes.done) break
  }
  const left = members.length - answers.length
  return {
    exitCode: worst(answers.map(({ exitCode }) => exitCode)),
    json: { sequence: name, backfills: answers.map(({ json }) => json) },
    why: answers.find(({ why }) => why)?.why,
    lines: left > 0 ? [`${output.paint.bold(name)} · ${counted(left, 'backfill')} not begun`] : [],
  }
}

export const membersOf = ({ backfills }: Sequence): readonly string[] => backfills.map(({ name }) => name)

function worst(codes: readonly ExitCode[]): ExitCode {
  return (
    codes.find((code) => code === exitCodes.failed) ?? codes.find((code) => code !== exitCodes.done) ?? exitCodes.done
  )
}
