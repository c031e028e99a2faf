import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { columns } from '../format.js'
import { configNames } from '../load-config.js'

export const init: CommandSpec = {
  usage: 'init',
  summary: 'write rowshift.config.ts and make a folder for backfills',
  description: `Writes rowshift.config.ts in this folder, with the data source it finds (src/data-source.ts and other usual places), and
makes the folder for definitions. Asks nothing and never overwrites: what is there already stays as it is.`,
  examples: [
    ['rowshift init', 'once, in the folder of package.json'],
    ['rowshift init --config config/rowshift.config.ts', 'elsewhere'],
  ],
  exitCodes: ['0  everything is there'],
  async run({ options, output }) {
    const file = resolve(options.config ?? presentConfig() ?? 'rowshift.config.ts')
    const folder = dirname(file)
    const dataSource = await findDataSource(folder)
    const backfills = existsSync(join(folder, 'src')) ? 'src/backfills' : 'backfills'
    const name = relative(process.cwd(), file)
    const created: string[] = []
    const kept: string[] = []

    const isConfigNew = !existsSync(file)
    if (isConfigNew) {
      await mkdir(folder, { recursive: true })
      // `wx`: another process may have written it in this very moment.
      await writeFile(file, configText(dataSource, backfills), { flag: 'wx' })
    }
    ;(isConfigNew ? created : kept).push(name)
    // The folder is named by the config, so beside an older config there is nothing to make.
    const folderName = `${relative(process.cwd(), join(folder, backfills))}/`
    if (isConfigNew) {
      ;(existsSync(join(folder, backfills)) ? kept : created).push(folderName)
      await mkdir(join(folder, backfills), { recursive: true })
    }

    const { paint } = output
    const remark = dataSource ? `database: ${dataSource}` : paint.yellow('no data source file found: name yours in it')
    return {
      exitCode: exitCodes.done,
      json: { created, kept, dataSource: dataSource ?? null },
      lines: [
        ...columns([
          ...created.map((path) => ['created', path, ...(path === name ? [remark] : [])]),
          ...kept.map((path) => ['kept', path, 'was there already']),
        ]),
        `${paint.dim('Next:')} define a backfill in ${backfills}/, then rowshift run <name>`,
      ],
    }
  },
}

function presentConfig(): string | undefined {
  return configNames.find((name) => existsSync(name))
}

const dataSourceFolders = ['src', '.', 'src/database', 'src/db', 'src/config', 'database', 'db', 'config']
const dataSourceNames = ['data-source', 'datasource', 'dataSource', 'app-data-source', 'typeorm.config', 'ormconfig']
const extensions = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']

/** The file that the application passes to TypeORM's `-d`, as the usual places have it. */
async function findDataSource(root: string): Promise<string | undefined> {
  for (const folder of dataSourceFolders) {
    for (const name of dataSourceNames) {
      for (const extension of extensions) {
        const path = join(folder, `${name}.${extension}`)
        if (!existsSync(join(root, path))) continue
        // Files of these names may also hold mere options.
        if ((await readFile(join(root, path), 'utf8')).includes('DataSource')) return path.replaceAll('\\', '/')
      }
    }
  }
  return undefined
}

function configText(dataSource: string | undefined, backfills: string): string {
  const path = dataSource ?? 'src/data-source.ts'
  const extension = /\.[cm]?js$/.test(path) ? 'js' : 'ts'
  const database = dataSource ? '' : '  // The file that exports your DataSource, as for `typeorm -d`.\n'
  return `import { defineConfig } from 'rowshift'
import { typeorm } from 'rowshift/typeorm'

export default defineConfig({
${database}  database: typeorm('./${path}'),
  backfills: '${backfills}/*.${extension}',
})
`
}
