import { defineBackfill, sql } from 'rowshift'
import { defineAll } from './definitions.js'

export const { citySlug, cityPage, cityUnique, stopNotes, stopArchive, personSame, stopVisits } = defineAll({
  defineBackfill,
  sql,
} as never)
