import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json'
import lock from '../../package-lock.json'

const repository = join(__dirname, '../..')
const bin = (command: string) => join(repository, 'node_modules/.bin', command)
const run = promisify(execFile)

/** `rowshift`, `rowshift/typeorm`, … */
const subpaths = Object.keys(manifest.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => entry.replace(/^\./, manifest.name))

let folder: string
let tarball: string
/** An empty project with the tarball installed. */
let project: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rowshift-package-'))
  tarball = await pack(join(folder, 'package'))
  project = join(folder, 'project')
  await install(project)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test('publint has nothing to say about the tarball', async () => {
  await run(bin('publint'), [tarball, '--strict'])
})

test('the types of every subpath resolve for every kind of importer', async () => {
  await run(bin('attw'), [tarball, '--profile', 'strict'])
})

test.each(subpaths)('%s has one instance and the same names for import and require', async (subpath) => {
  const { stdout } = await runInProject(`
    import { createRequire } from 'node:module'
    import * as imported from '${subpath}'
    const required = createRequire(import.meta.url)('${subpath}')
    console.log(JSON.stringify({
      imported: Object.keys(imported).sort(),
      required: Object.keys(required).sort(),
      different: Object.keys(required).filter((name) => imported[name] !== required[name]),
    }))
  `)
  const { imported, required, different } = JSON.parse(stdout)
  expect(required).not.toEqual([])
  expect(imported).toEqual(required)
  expect(different).toEqual([])
})

test('the command answers --help', async () => {
  const { stdout } = await run(join(project, 'node_modules/.bin', manifest.name), ['--help'], { cwd: project })
  expect(stdout).toContain(`Usage: ${manifest.name}`)
})

/** Packs what the sources say now, whatever `dist` of the repository holds. */
async function pack(into: string): Promise<string> {
  await mkdir(into)
  for (const file of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'])
    await cp(join(repository, file), join(into, file))
  await symlink(join(repository, 'node_modules'), join(into, 'node_modules'))
  await run(bin('tsc'), ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(into, 'dist')])
  await run(process.execPath, [join(repository, 'scripts/write-esm-wrappers.mjs'), into])
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], { cwd: into })
  return join(into, JSON.parse(stdout)[0].filename)
}

/** Installs the tarball with dependencies copied from this repository, so without a network. */
async function install(into: string): Promise<void> {
  await mkdir(into)
  const dependencies = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && !('dev' in entry))
    .map(([path]) => join(repository, path))
    // Optional ones are for one platform each, and installed on theirs.
    .filter((path) => existsSync(path))
  await writeFile(join(into, 'package.json'), '{}')
  const flags = ['--offline', '--ignore-scripts', '--install-links', '--no-audit', '--no-fund']
  await run('npm', ['install', ...flags, tarball, ...dependencies], { cwd: into })
  // An application brings its ORM, and stock ORMs are large to copy.
  for (const peer of ['typeorm', 'reflect-metadata'])
    await symlink(join(repository, 'node_modules', peer), join(into, 'node_modules', peer))
}

async function runInProject(source: string) {
  const file = join(project, 'script.mjs')
  await writeFile(file, source)
  return run(process.execPath, [file], { cwd: project })
}
