import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { PrismaProject, prismaSurroundings, testPrisma } from '../support/prisma/prisma-project.js'

/* Changes whose functions are in `defineVersions`, which is named like the model. */

const model = (version: string, fields = '') => `/// @schemaVersion ${version}
model City {
  id        Int    @id
  firstName String @map("first_name")
${fields}
  @@map("city")
}
`

const versions = `import { defineVersions } from 'rowshift'

const first = { id: 'integer', firstName: 'text' } as const

export const city = defineVersions('City')
  .version('1.0.0', first)
  .version('1.1.0', first, { upgrade: (row) => ({ firstName: row.firstName.toUpperCase() }) })
  .version('2.0.0', { ...first, slug: 'text' }, { upgrade: (row) => ({ slug: row.firstName.toLowerCase() + '-1' }) })
`

testPrisma(
  ['postgres'],
  'an upgrade of defineVersions is called by the definition, and one that only rewrites values must say which rows are left',
  async (database) => {
    const project = await PrismaProject.create(database, model('1.0.0'), {
      files: { 'src/versions/city.ts': versions },
    })
    expect(await project.json('prisma', 'generate', 'first')).toMatchObject({ code: 0, document: { backfills: [] } })
    expect(await project.json('prisma', 'deploy')).toMatchObject({ code: 0 })
    const app = await database.connect()
    await app.query(`insert into city (id, first_name) values (1, 'Oslo'), (2, 'ROME')`)

    await project.schema(model('1.1.0'))
    const rewriting = await project.app.run(['prisma', 'generate', 'upper'], { env: prismaSurroundings })
    expect(rewriting).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/to be written: the function in .*upper/),
    })
    const [file = '', text = ''] = await definition(project, 'upper')
    expect(text).toContain(
      `write: { first_name: 'text' },\n  where: toBeWritten.where('still as 1.0.0 has them, and not as 1.1.0')`,
    )
    expect(await project.json('prisma', 'deploy')).toMatchObject({
      code: 1,
      document: { error: { code: 'NOT_WRITTEN' } },
    })
    const where = 'sql`first_name <> upper(first_name)`'
    await writeFile(file, text.replace(/toBeWritten\.where\(.*\)/, where).replace('toBeWritten', 'sql'))
    expect(await project.json('prisma', 'deploy')).toMatchObject({
      code: 0,
      document: { backfills: [{ backfill: 'city@1.1.0', status: 'completed', counts: { written: 1 } }] },
    })
    expect(await app.query('select first_name as name from city order by id')).toEqual([
      { name: 'OSLO' },
      { name: 'ROME' },
    ])

    await project.schema(model('2.0.0', '  slug String @unique'))
    const filling = await project.app.run(['prisma', 'generate', 'slug'], { env: prismaSurroundings })
    expect(filling).toMatchObject({ code: 0, stdout: expect.not.stringContaining('to be written') })
    expect((await definition(project, 'slug'))[1]).toContain(
      `city.convert({ id: row.id, firstName: row.first_name }, { from: '1.1.0', to: '2.0.0', as: 'plain' })`,
    )
  },
  600_000,
)

/** The definition of a change: its file, and its text. */
async function definition(project: PrismaProject, change: string): Promise<[file: string, text: string]> {
  const root = join(project.folder, 'prisma/migrations')
  const folder = (await readdir(root)).find((name) => name.endsWith(`_${change}`))!
  const file = join(root, folder, 'backfill.ts')
  return [file, await readFile(file, 'utf8')]
}
