import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { RowshiftError } from '../../../errors/rowshift-error.js'
import type { PrismaProject } from './prisma-project.js'
import type { MigrationFolder } from './read-folders.js'

/**
 * Runs `prisma migrate deploy` for the first migrations only, on copies of their folders: the application's own are never touched,
 * so a crash leaves nothing to mend. What it says goes to `output`.
 * @throws RowshiftError PRISMA_FAILED
 */
export async function deployFirst(
  project: PrismaProject,
  folders: readonly MigrationFolder[],
  output: NodeJS.WritableStream,
): Promise<void> {
  const step = await mkdtemp(join(tmpdir(), 'rowshift-deploy-'))
  try {
    const migrations = join(step, 'migrations')
    await mkdir(migrations)
    const lock = join(project.migrationsFolder, 'migration_lock.toml')
    if (existsSync(lock)) await cp(lock, join(migrations, 'migration_lock.toml'))
    for (const { name, path } of folders) {
      await mkdir(join(migrations, name))
      await cp(join(path, 'migration.sql'), join(migrations, name, 'migration.sql'))
    }
    const config = join(step, 'prisma.config.ts')
    await writeFile(config, stepConfig(project, migrations))
    await deploy(project, ['--config', config], output)
  } finally {
    await rm(step, { recursive: true, force: true })
  }
}

/** Runs `prisma migrate deploy` as the application would. @throws RowshiftError PRISMA_FAILED */
export function deployAll(project: PrismaProject, output: NodeJS.WritableStream): Promise<void> {
  return deploy(project, [], output)
}

/** The application's configuration with other migrations. Prisma takes paths relative to the file of the configuration. */
function stepConfig({ configFile, schema, config }: PrismaProject, migrations: string): string {
  const { url } = config.datasource ?? {}
  const [, file] = /^file:(?:\/\/)?(.*)$/.exec(url ?? '') ?? []
  const datasource =
    file === undefined
      ? ''
      : `\n  datasource: { ...config.datasource, url: ${JSON.stringify(`file:${resolve(dirname(configFile), file)}`)} },`
  return `import config from ${JSON.stringify(configFile)}

export default {
  ...config,
  schema: ${JSON.stringify(schema)},
  migrations: { ...config.migrations, path: ${JSON.stringify(migrations)} },${datasource}
}
`
}

function deploy(project: PrismaProject, args: readonly string[], output: NodeJS.WritableStream): Promise<void> {
  const child = spawn(process.execPath, [project.command, 'migrate', 'deploy', ...args], {
    cwd: project.folder,
    env: { ...process.env, PRISMA_HIDE_UPDATE_MESSAGE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.write(text))
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => {
      if (code === 0) return done()
      fail(
        new RowshiftError('PRISMA_FAILED', {
          message: `\`prisma migrate deploy\` ended with exit code ${code}: see above. Mend what it names, then \`rowshift prisma deploy\` again.`,
          details: { command: 'prisma migrate deploy', exitCode: code },
        }),
      )
    })
  })
}
