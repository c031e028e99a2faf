import { defineConfig } from 'rowshift'
import { prisma } from 'rowshift/prisma'

export default defineConfig({ database: prisma('./driver-adapter.ts'), backfills: './backfills.ts' })
