import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DataSource, type MigrationInterface } from 'typeorm'
import { expect } from 'vitest'
import { connection, sqlOf } from '../../example-app/src/connection.js'
import { loadModule } from '../../src/adapters/load-module.js'
import { CliProject } from '../support/cli-project.js'
import { typeormTest } from '../support/databases.js'

/*
 * The example's migrations are what `rowshift generate` writes for its entity, version after version. `npx vitest -u` writes them anew.
 */

const example = join(__dirname, '../../example-app')
const unchanged = [
  'rowshift.config.ts',
  ...['connection', 'data-source', 'geohash', 'text', 'versions/city'].map(source),
]

function source(name: string): string {
  return `src/${name}.ts`
}

/** The migrations in order: their names, and the version of the entity that they lead to. */
const steps = [
  { name: 'CreateCity', version: '1.0.0', args: [] },
  { name: 'AddCitySlug', version: '2.0.0', args: [] },
  { name: 'AddCitySearch', version: '3.0.0', args: ['--progressive'] },
] as const

const read = (file: string): Promise<string> => readFile(join(example, file), 'utf8')

/** The entity as it was at a version: without the columns that are newer. */
async function entityAt(version: string): Promise<string> {
  const today = await read('src/city.ts')
  const column = /\n {2}\/\*\* New in (\d\.\d\.\d): .*\*\/\n(?: {2}.*\n)+/g
  return today
    .replace("SchemaVersion('3.0.0'", `SchemaVersion('${version}'`)
    .replace(column, (text, since: string) => (since > version ? '' : text))
}

/** What was generated, as the repository's formatter has it. */
function formatted(file: string, text: string): Promise<string> {
  const repository = join(example, '..')
  return new Promise((resolve, reject) => {
    const args = ['format', `--stdin-file-path=${file}`]
    const biome = execFile(join(repository, 'node_modules/.bin/biome'), args, { cwd: repository }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    )
    biome.stdin?.end(text)
  })
}

typeormTest("the example's migrations and definitions are generated ones", async (database) => {
  const files = await Promise.all(unchanged.map(async (file) => [file, await read(file)] as const))
  const project = await CliProject.createEmpty(Object.fromEntries(files))
  // The protocol tells TypeORM which of the two it is: they describe defaults in other words.
  const url = database.url.replace('mysql://', 'mariadb://')
  const folder = `src/migrations/${sqlOf(connection(url))}`
  const names = async (path: string) => (await readdir(join(project.folder, path))).sort()
  let applied = 0
  for (const { name, version, args } of steps) {
    await project.write({ 'src/city.ts': await entityAt(version) })
    const { code, stderr } = await project.run(['generate', `${folder}/${name}`, ...args], {
      env: { DATABASE_URL: url },
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    if (version === '3.0.0') break
    const written = await names(folder)
    const migrations = await Promise.all(
      written.slice(applied).map((file) => loadModule(join(project.folder, folder, file))),
    )
    applied = written.length
    const classes = migrations.flatMap((exports) => Object.values(exports)) as (new () => MigrationInterface)[]
    const dataSource = await new DataSource({ ...connection(url), migrations: classes }).initialize()
    await dataSource.runMigrations({ transaction: 'each' }).finally(() => dataSource.destroy())
  }

  for (const [i, file] of (await names(folder)).entries()) {
    const text = await readFile(join(project.folder, folder, file), 'utf8')
    const timestamp = `176370000000${i + 1}`
    const path = `${folder}/${timestamp}-${basename(file).slice(14)}`
    const final = await formatted(join('example-app', path), text.replaceAll(file.slice(0, 13), timestamp))
    await expect(final).toMatchFileSnapshot(join(example, path))
  }
  expect((await names(folder)).length).toBe((await readdir(join(example, folder))).length)
  for (const file of await names('src/backfills')) {
    const path = `src/backfills/${file}`
    const text = await formatted(`example-app/${path}`, await readFile(join(project.folder, path), 'utf8'))
    // What its author has added to it.
    const present = (await read(path)).replace(/^ {2}(unique|batchRows|delayMs): .*\n/gm, '')
    expect(present).toBe(text)
  }
})
