import { expect } from 'vitest'
import { countWhere, createCities } from '../support/city-table.js'
import { CliProject, citySlugText, dataSourceText } from '../support/cli-project.js'
import { contractTest, contractTestOn, type TestDatabase } from '../support/databases.js'

const configOf = ({ adapter }: TestDatabase) =>
  `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({
  dataSources: {
    main: { database: typeorm('./src/data-source.ts'), backfills: 'backfills/*.ts' },
    archive: { database: typeorm('./src/archive.ts'), backfills: 'archive/*.ts' },
  },
})
`.replaceAll('typeorm', adapter)

contractTest('commands are about one of several data sources', async (main, target) => {
  const archive = await target.createDatabase()
  try {
    const [app, old] = [await main.connect(), await archive.connect()]
    await createCities(app, main.name, 20)
    await createCities(old, main.name, 30)
    const project = await CliProject.create(main, {
      'rowshift.config.ts': configOf(main),
      'src/archive.ts': dataSourceText(archive),
      'backfills/city-slug.ts': citySlugText(),
      'archive/city-slug.ts': citySlugText(),
    })
    expect(await project.json(['run', 'city.slug', '-d', 'archive'])).toMatchObject({
      code: 0,
      document: { counts: { written: 30 } },
    })
    expect(await countWhere(app, 'slug is null')).toBe(20)
    expect(await project.json(['status', '--data-source', 'main'])).toMatchObject({
      code: 3,
      document: { database: expect.stringMatching(/^main · /), backfills: [{ status: 'never run' }] },
    })
    expect((await project.run(['status', '--data-source', 'archive'])).stdout).toMatch(
      /^archive · .*\n.*\n {2}city\.slug {2}completed/,
    )
  } finally {
    await archive.drop()
  }
})

contractTestOn(['sqlite'], 'says which data sources there are', async (database) => {
  const config = configOf(database)
  const project = await CliProject.create(database, { 'rowshift.config.ts': config })
  const errorOf = async (args: string[]) => {
    const { code, document } = await project.json(args)
    return [code, (document as { error: { code: string; message: string } }).error.message]
  }
  expect(await errorOf(['status'])).toEqual([
    2,
    expect.stringContaining('has several data sources: name one by `--data-source`: main, archive.'),
  ])
  expect(await errorOf(['status', '-d', 'archiv'])).toEqual([
    2,
    expect.stringContaining('has no data source "archiv". Did you mean "archive"?'),
  ])
  await project.write({
    'rowshift.config.ts': config.replace('  dataSources: {', `  backfills: 'x',\n  dataSources: {`),
  })
  expect(await errorOf(['status', '-d', 'main'])).toEqual([
    2,
    expect.stringContaining('`backfills` belongs inside one of the `dataSources`'),
  ])
  await project.write({ 'rowshift.config.ts': config.replace(`, backfills: 'archive/*.ts'`, '') })
  expect(await errorOf(['status', '-d', 'archive'])).toEqual([
    2,
    expect.stringContaining('data source "archive": `backfills` names no files.'),
  ])
  await project.write({
    'rowshift.config.ts': config
      .replace('  dataSources: {\n    main: {', '')
      .replace(/ },\n {4}archive.*\n {2}},\n/, '\n'),
  })
  expect(await errorOf(['status', '-d', 'main'])).toEqual([
    2,
    expect.stringContaining('has one data source, without a name. Leave `--data-source main` out.'),
  ])
})
