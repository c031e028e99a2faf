import { expect } from 'vitest'
import { PrismaProject, testPrisma } from '../support/prisma/prisma-project.js'

const model = '/// @schemaVersion 1.0.0\nmodel City {\n  id Int @id\n}\n'

const config = (lines: string) => `import { defineConfig } from 'prisma/config'
export default defineConfig({ schema: 'prisma/schema.prisma', ${lines} })
`

testPrisma(
  ['sqlite'],
  'what the configuration lacks is said before Prisma is asked or anything is written',
  async (database) => {
    const project = await PrismaProject.create(database, model, {
      files: {
        'prisma.config.ts': config(''),
        'lib/rowshift.config.ts': `export { default } from '../rowshift.config'`,
      },
    })
    const refused = async (...args: readonly string[]) => {
      const { code, document } = await project.json('prisma', ...args)
      return [code, (document as { readonly error: { readonly message: string } }).error.message]
    }
    expect(await refused('generate', 'a/b')).toEqual([2, expect.stringMatching(/^INVALID_USAGE: name the migration/)])
    for (const args of [['generate', 'first'], ['deploy']])
      expect(await refused(...args)).toEqual([2, expect.stringMatching(/^INVALID_CONFIG: .*Add: experimental/)])
    expect(await refused('deploy', '--config', 'lib/rowshift.config.ts')).toEqual([
      2,
      expect.stringMatching(/^INVALID_CONFIG: there is no prisma.config.ts in .*lib/),
    ])
    await project.app.write({ 'prisma.config.ts': config('').replace('schema.prisma', 'none.prisma') })
    expect(await refused('deploy')).toEqual([2, expect.stringMatching(/^INVALID_CONFIG: .*leads to no schema at/)])
  },
)
