/**
 * A run's life. `active` statuses hold the backfill's name: there is at most one such run of a backfill at a time.
 *
 * | from | to | when |
 * |---|---|---|
 * | scheduled | running | a worker claims its first shard, or the table is empty and nothing but its verification is left |
 * | scheduled, running, interrupted, failed | postponed | a throttle asks the worker that came for it to wait; it says why and until when |
 * | postponed | postponed | it has looked again |
 * | postponed | running | it has looked again, and a worker claims a shard or ends the pass |
 * | postponed | interrupted | the worker that waited was stopped |
 * | scheduled, running, interrupted, postponed, failed | paused | `rowshift pause`; takes every claim away |
 * | scheduled, interrupted, failed, postponed, running without anybody alive | postponed | a definition says that its run has to wait: a condition of its own, or another run |
 * | scheduled | completed | `when.skip` has a reason: it was made and no row was worked on |
 * | running | interrupted | the worker was stopped, or an error that no row is to blame for ended its work |
 * | running | paused | rows kept matching through every sweep: some application still writes the old way |
 * | running | failed | rows failed, a batch was refused, or the verification did not pass |
 * | running | completed | every shard is done, a sweep found nothing more, and the verification passed |
 * | interrupted | running | a worker claims a shard again, or ends the pass |
 * | paused | scheduled | `rowshift resume` |
 * | failed | running | `rowshift replay` or `rowshift run` tries again: listed failures first |
 * | any active | cancelled | `rowshift cancel`; takes every claim away |
 * | scheduled, interrupted, postponed, paused, failed, running | completed | `rowshift run --fake`: marked as done by hand |
 * | completed | interrupted | `rowshift replay` tries its failures again: the gate is shut until it is completed anew |
 * | completed | cancelled | `rowshift cancel`, while it still follows changes: its triggers go |
 * | completed | undone | `undo` brought the old values back: the gate is shut again |
 */
export type RunStatus =
  | 'scheduled'
  | 'running'
  | 'interrupted'
  | 'postponed'
  | 'paused'
  | 'failed'
  | 'completed'
  | 'cancelled'
  | 'undone'

export const transitions: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  scheduled: ['running', 'postponed', 'paused', 'cancelled', 'completed'],
  running: ['interrupted', 'postponed', 'paused', 'failed', 'cancelled', 'completed'],
  interrupted: ['running', 'postponed', 'paused', 'cancelled', 'completed'],
  postponed: ['running', 'interrupted', 'postponed', 'paused', 'cancelled', 'completed'],
  paused: ['scheduled', 'cancelled', 'completed'],
  failed: ['running', 'postponed', 'paused', 'cancelled', 'completed'],
  completed: ['interrupted', 'cancelled', 'undone'],
  cancelled: [],
  undone: [],
}

const active: ReadonlySet<RunStatus> = new Set(['scheduled', 'running', 'interrupted', 'postponed', 'paused', 'failed'])

/** Active runs keep their backfill's name to themselves. */
export const isActive = (status: RunStatus): boolean => active.has(status)

/** Whether workers may claim shards. A failed run waits until somebody asks for it by name. */
export const isClaimable = (status: RunStatus): boolean =>
  status === 'scheduled' || status === 'running' || status === 'interrupted' || status === 'postponed'

export const isAllowed = (from: RunStatus, to: RunStatus): boolean => transitions[from].includes(to)
