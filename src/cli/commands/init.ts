import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { findOrm } from '../find-orm.js'
import { columns } from '../format.js'
import { initConfig } from '../init-config.js'
import { configNames } from '../load-config.js'

export const init: CommandSpec = {
  usage: 'init',
  summary: 'write rowshift.config.ts and make a folder for backfills',
  description: `Writes rowshift.config.ts in this folder, with the data source of TypeORM that it finds (src/data-source.ts and other usual
places) or else for the schema of Prisma (prisma/schema.prisma), and makes the folder for definitions. Asks nothing and never overwrites: what is there already stays as it is.`,
  examples: [
    ['rowshift init', 'once, in the folder of package.json'],
    ['rowshift init --config config/rowshift.config.ts', 'elsewhere'],
  ],
  exitCodes: ['0  everything is there'],
  async run({ options, output }) {
    const file = resolve(options.config ?? presentConfig() ?? 'rowshift.config.ts')
    const folder = dirname(file)
    const found = await findOrm(folder)
    const backfills = existsSync(join(folder, 'src')) ? 'src/backfills' : 'backfills'
    const name = relative(process.cwd(), file)
    const created: string[] = []
    const kept: string[] = []

    const isConfigNew = !existsSync(file)
    if (isConfigNew) {
      await mkdir(folder, { recursive: true })
      // `wx`: another process may have written it in this very moment.
      await writeFile(file, initConfig(found, backfills), { flag: 'wx' })
    }
    ;(isConfigNew ? created : kept).push(name)
    // The folder is named by the config, so beside an older config there is nothing to make.
    const folderName = `${relative(process.cwd(), join(folder, backfills))}/`
    if (isConfigNew) {
      ;(existsSync(join(folder, backfills)) ? kept : created).push(folderName)
      await mkdir(join(folder, backfills), { recursive: true })
    }

    const { paint } = output
    const place = found?.orm === 'prisma' ? found.schema : found?.dataSource
    const remark = place
      ? `database: ${place}`
      : paint.yellow('no data source of TypeORM and no schema of Prisma found: name yours in it')
    return {
      exitCode: exitCodes.done,
      json: {
        created,
        kept,
        dataSource: found?.orm === 'typeorm' ? found.dataSource : null,
        schema: found?.orm === 'prisma' ? found.schema : null,
      },
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
