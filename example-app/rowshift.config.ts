import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({
  database: typeorm('src/data-source.ts'),
  backfills: 'src/backfills/*.ts',
})
