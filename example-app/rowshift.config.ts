import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({
  database: typeorm('dist/src/data-source.js'),
  backfills: 'dist/src/backfills/*.js',
})
