import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { readProjectStyle } from '../../src/generate/project-style.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rowshift-style-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'package.json'), '{}')
})

const importPath = (sample?: string) =>
  readProjectStyle(folder, sample).importPath(
    join(folder, 'src/migrations/1-A.ts'),
    join(folder, 'src/backfills/a-1.0.0.ts'),
  )

test('an import has no ending where Node asks for none', () => {
  expect(importPath()).toBe('../backfills/a-1.0.0')
})

test('an import has an ending in a package of ES modules', async () => {
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  expect(importPath()).toBe('../backfills/a-1.0.0.js')
})

test.each([
  ['./city', '../backfills/a-1.0.0'],
  ['./city.js', '../backfills/a-1.0.0.js'],
  ['./city.ts', '../backfills/a-1.0.0.ts'],
])('an import ends as those that are there: %s', async (present, expected) => {
  const sample = join(folder, 'data-source.ts')
  await writeFile(sample, `import { City } from '${present}'\n`)
  expect(importPath(sample)).toBe(expected)
})

test("the project's own formatter has the last word", async () => {
  const text = "const a = { b: 'c' }\n"
  const file = join(folder, 'a.ts')
  expect(await readProjectStyle(folder, undefined).format(file, text)).toBe(text)
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
  await symlink(join(__dirname, '../../node_modules/.bin/biome'), join(folder, 'node_modules/.bin/biome'))
  await writeFile(
    join(folder, 'biome.json'),
    '{ "root": true, "javascript": { "formatter": { "quoteStyle": "double" } } }',
  )
  expect(await readProjectStyle(folder, undefined).format(file, text)).toBe('const a = { b: "c" };\n')
  // One that fails is no reason to write nothing.
  await writeFile(join(folder, 'biome.json'), '{ "no such": "option" }')
  expect(await readProjectStyle(folder, undefined).format(file, text)).toBe(text)
})

test('prettier is the formatter of a project that is configured for it', async () => {
  await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
  const prettier = join(folder, 'node_modules/.bin/prettier')
  await writeFile(prettier, `#!/bin/sh\necho "// $@"\ncat\n`, { mode: 0o755 })
  const file = join(folder, 'a.ts')
  expect(await readProjectStyle(folder, undefined).format(file, 'a\n')).toBe('a\n')
  await writeFile(join(folder, 'package.json'), '{ "prettier": {} }')
  expect(await readProjectStyle(folder, undefined).format(file, 'a\n')).toBe(`// --stdin-filepath ${file}\na\n`)
})
