import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({ database: typeorm('./data-source.ts'), backfills: './backfills.ts' })
