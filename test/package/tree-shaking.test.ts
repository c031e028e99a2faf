import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Rollup } from 'vite'
import { expect, onTestFinished, test } from 'vitest'

const root = join(__dirname, '../..')

/** The modules of rowshift that a bundle of one statement holds. */
async function bundled(statement: string): Promise<readonly string[]> {
  const project = mkdtempSync(join(tmpdir(), 'rowshift-bundle-'))
  onTestFinished(() => rmSync(project, { recursive: true, force: true }))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules/rowshift'))
  writeFileSync(join(project, 'main.mjs'), statement)
  const output = (await build({
    root: project,
    logLevel: 'silent',
    configFile: false,
    build: { write: false, minify: false, lib: { entry: join(project, 'main.mjs'), formats: ['es'] } },
  })) as Rollup.RollupOutput[]
  const [chunk] = output[0]!.output
  return Object.keys(chunk.modules)
    .filter((id) => id.includes('/dist/'))
    .map((id) => id.replace(/^.*\/dist\//, '').replace(/\?.*$/, ''))
}

test('a bundle holds the transformers that it imports, and no others', async () => {
  const modules = await bundled(`import { trim } from 'rowshift/transformers'; console.log(trim('a')({ a: ' ' }))`)
  expect(modules).toContain('transformers/text.js')
  expect(modules.filter((file) => !file.startsWith('transformers/text') && !file.includes('index'))).toEqual([])
})
