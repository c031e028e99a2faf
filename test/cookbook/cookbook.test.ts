import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { CliProject } from '../support/cli-project.js'
import { carryOut, lacking } from '../support/cookbook/carry-out.js'
import { startGeocoder } from '../support/cookbook/geocoder.js'
import { parsePage } from '../support/cookbook/page.js'
import { contractTest, typeormTest } from '../support/databases.js'

/* Each page of the cookbook is carried out from its top to its bottom. What a page is made of: test/support/cookbook/page.ts */

const repository = join(__dirname, '../..')
const folder = join(repository, 'docs/cookbook')
const files = readdirSync(folder).filter((file) => file !== 'README.md')
const pages = files.map((file) => ({ file, page: parsePage(readFileSync(join(folder, file), 'utf8')) }))

/** Pages that are carried out through Prisma as well: one of each form, and those of types that drivers differ in. */
const throughPrisma = [
  'bad-rows.md',
  'columns-to-json.md',
  'counts.md',
  'json-to-columns.md',
  'split-a-column.md',
  'tags.md',
  'text-into-a-table.md',
]

beforeAll(async () => {
  Object.assign(process.env, {
    SECRET_KEY_K1: Buffer.alloc(32, 1).toString('base64'),
    SECRET_KEY_K2: Buffer.alloc(32, 2).toString('base64'),
    GEOCODER_URL: await startGeocoder(),
  })
})

for (const { file, page } of pages) {
  const testPage = throughPrisma.includes(file) ? contractTest : typeormTest
  testPage(`cookbook: ${page.title}`, (database) => carryOut(page, database))
}

test('cookbook: the code of every page compiles as strictly as TypeScript can, and is formatted', async () => {
  const project = await CliProject.createEmpty()
  await mkdir(join(project.folder, 'node_modules/@types'))
  await symlink(join(repository, 'node_modules/@types/node'), join(project.folder, 'node_modules/@types/node'))
  for (const { file, page } of pages)
    for (const name of ['sqlite', 'mariadb'] as const)
      for (const step of page.steps(name))
        if (step.kind === 'file') await project.write({ [`${name}/${file}/${step.path}`]: `${step.text}\n` })
  const compilerOptions = {
    ...{ target: 'es2022', module: 'commonjs', moduleResolution: 'bundler', types: ['node'], skipLibCheck: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noUnusedLocals: true },
    ...{ experimentalDecorators: true, emitDecoratorMetadata: true, noEmit: true },
  }
  await project.write({ 'tsconfig.json': JSON.stringify({ compilerOptions, include: ['sqlite', 'mariadb'] }) })
  expect(await refusals('tsc', ['-p', project.folder])).toBe('')
  const formatter = { indentStyle: 'space', lineWidth: 120 }
  const javascript = { formatter: { quoteStyle: 'single', semicolons: 'asNeeded' } }
  await project.write({ 'biome.json': JSON.stringify({ root: true, formatter, javascript }) })
  expect(await refusals('biome', ['format', 'sqlite', 'mariadb'], project.folder)).toBe('')
})

test.each(pages)('$file says what runs, what it locks, how to undo, and what goes wrong otherwise', ({ page }) => {
  expect(lacking(page.steps('sqlite'))).toEqual([])
  expect(page.sections).toEqual(
    expect.arrayContaining(['Run it', 'What it locks', 'Undo', 'What goes wrong otherwise']),
  )
})

test('the index lists every page by its title, and no other', () => {
  const index = readFileSync(join(folder, 'README.md'), 'utf8')
  const listed = [...index.matchAll(/^\| \[([^\]]+)\]\(([\w-]+\.md)\)/gm)].map(([, title, file]) => `${file} ${title}`)
  expect(listed.sort()).toEqual(pages.map(({ file, page }) => `${file} ${page.title}`).sort())
})

test('cookbook: links lead to files, and to headings in them', () => {
  const targets = [...files, 'README.md'].flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/\]\(([^)#]*)(?:#([^)]+))?\)/g)].map(
      ([, path, heading]) => [path === '' ? file : path!, heading] as const,
    ),
  )
  const broken = targets.filter(([path, heading]) => {
    if (!existsSync(join(folder, path))) return true
    if (heading === undefined) return false
    const headings = [...readFileSync(join(folder, path), 'utf8').matchAll(/^#+ (.+)$/gm)]
    return !headings.some(([, text]) => anchorOf(text!) === heading)
  })
  expect(targets.length).toBeGreaterThan(files.length)
  expect(broken).toEqual([])
})

/** As GitHub names headings. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

/** Nothing, or what a command of this repository that failed has printed. */
function refusals(command: string, args: readonly string[], cwd = repository): Promise<string> {
  return promisify(execFile)(join(repository, 'node_modules/.bin', command), args, { cwd }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
  )
}
