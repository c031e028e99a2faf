import { controlCommand } from './control-command.js'

export const pause = controlCommand('pause', {
  summary: 'stop the work on a run until it is resumed',
  description: `Pauses the run of a backfill, whoever works on it. When the command returns, no batch is in flight any more, and no worker
touches the run until it is resumed. Its checkpoint stays: nothing is done twice.`,
  examples: [['rowshift pause city.slug', 'give the database a rest']],
  outcome: 'is paused. No batch is in flight any more.',
  next: (name) => `resume ${name}`,
})
