import type { Health } from '../health.js'

/** A file has no replicas and no sessions to count, and one writer at a time. */
export const health: Health = {}
