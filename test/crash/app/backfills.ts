import { defineBackfill, sql } from 'rowshift'
import { defineAll } from './definitions.js'

export const { citySlug, cityPage, stopNotes, stopArchive, stopVisits } = defineAll({ defineBackfill, sql } as never)
