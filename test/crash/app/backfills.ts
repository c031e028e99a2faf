import { defineBackfill, sql } from 'rowshift'
import { defineAll } from './definitions.js'

export const { citySlug, stopVisits } = defineAll({ defineBackfill, sql } as never)
