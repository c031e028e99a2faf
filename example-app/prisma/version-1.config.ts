import { cpSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import config from './prisma.config.js'

const { path } = config.migrations as { path: string }
const folder = join(__dirname, 'dist/version-1', basename(dirname(path)))

// The application as it was before: the migrations up to the one that creates its table.
rmSync(folder, { recursive: true, force: true })
for (const name of readdirSync(path).sort()) {
  cpSync(join(path, name), join(folder, name), { recursive: true })
  if (name.endsWith('_create-city')) break
}

export default { ...config, migrations: { path: folder } }
