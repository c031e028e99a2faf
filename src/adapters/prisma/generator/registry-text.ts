import { extname } from 'node:path'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { PrismaRegistry } from '../registry.js'

const notice = '// Written by `prisma generate` from the schema: changes made here are lost.\n'

/**
 * The file that the generator writes, as its extension asks: TypeScript, a JavaScript module of either kind, or JSON.
 * @throws RowshiftError INVALID_CONFIG for any other extension
 */
export function registryText(file: string, registry: PrismaRegistry): string {
  const json = JSON.stringify(registry, undefined, 2)
  switch (extname(file)) {
    case '.ts':
    case '.mts':
    case '.cts':
      return `${notice}import type { PrismaRegistry } from 'rowshift/prisma'\n\nexport const registry: PrismaRegistry = ${json}\n`
    case '.mjs':
      return `${notice}export const registry = ${json}\n`
    case '.cjs':
      return `${notice}exports.registry = ${json}\n`
    case '.json':
      return `${json}\n`
    default:
      throw new RowshiftError('INVALID_CONFIG', {
        message: `\`output\` of the generator rowshift-prisma is ${file}. Name a file that ends in .ts, .mts, .cts, .mjs, .cjs or .json.`,
        details: { file },
      })
  }
}
