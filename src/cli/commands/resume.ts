import { controlCommand } from './control-command.js'

export const resume = controlCommand('resume', {
  summary: 'let a paused run go on',
  description: `Schedules a paused run again. Workers that watch take it up by themselves; else start one with \`rowshift work\`, or go on here
with \`rowshift run <name>\`. It continues at its checkpoint.`,
  examples: [['rowshift resume city.slug && rowshift work', 'go on, here']],
  outcome: 'is scheduled again, at its checkpoint.',
  next: () => 'work',
})
