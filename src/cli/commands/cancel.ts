import { controlCommand } from './control-command.js'

export const cancel = controlCommand('cancel', {
  summary: 'end a run for good',
  description: `Ends the unfinished run of a backfill for good: its checkpoint is not used again, and its gate stays shut. Rows that it has
written stay as they are. A new run starts at the first row and passes over those that no longer match.`,
  examples: [['rowshift cancel city.slug', 'before running a changed definition anew']],
  outcome: 'is cancelled. Rows already written stay as they are.',
  next: (name) => `run ${name}`,
})
