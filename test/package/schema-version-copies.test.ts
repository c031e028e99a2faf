import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const root = join(__dirname, '../..')

const entities = `
  import { defineVersions, SchemaVersion } from 'rowshift'
  export const city = defineVersions('City')
    .version('1.0.0', { id: 'integer' })
    .version('2.0.0', { id: 'integer', slug: 'text' }, { upgrade: (row) => ({ slug: String(row.id) }) })
  @SchemaVersion('2.0.0', { of: city })
  export class City { id = 0; slug = '' }
`

const report = `
  const { City, city } = require('./entities.js')
  const other = require('other-rowshift')
  const { statedVersion } = require('other-rowshift/dist/schema-version/schema-version.js')
  const { historyOf } = require('other-rowshift/dist/schema-version/version-history.js')
  const own = require('rowshift')
  let twice
  try { other.SchemaVersion('3.0.0')(City) } catch (error) { twice = error.code }
  console.log(JSON.stringify({
    isOther: own.SchemaVersion !== other.SchemaVersion,
    version: own.schemaVersionOf(City),
    seenByOther: other.schemaVersionOf(City),
    versions: historyOf(statedVersion(City).of).versions,
    isSame: statedVersion(City).of === city,
    twice,
  }))
`

test('standard decorators compile and state a version, which a second copy of rowshift reads', () => {
  const project = mkdtempSync(join(tmpdir(), 'rowshift-copies-'))
  onTestFinished(() => rmSync(project, { recursive: true, force: true }))
  mkdirSync(join(project, 'node_modules/other-rowshift'), { recursive: true })
  symlinkSync(root, join(project, 'node_modules/rowshift'))
  cpSync(join(root, 'dist'), join(project, 'node_modules/other-rowshift/dist'), { recursive: true })
  writeFileSync(join(project, 'node_modules/other-rowshift/package.json'), '{ "main": "./dist/index.js" }')
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules/other-rowshift/node_modules'))
  writeFileSync(join(project, 'package.json'), '{ "type": "commonjs" }')
  writeFileSync(join(project, 'entities.ts'), entities)
  writeFileSync(join(project, 'report.js'), report)
  const options = { strict: true, target: 'es2022', module: 'node20', types: [], skipLibCheck: true }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['entities.ts'] }))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' })
  const printed = execFileSync(process.execPath, [join(project, 'report.js')], { encoding: 'utf8' })
  expect(JSON.parse(printed)).toEqual({
    isOther: true,
    version: '2.0.0',
    seenByOther: '2.0.0',
    versions: ['1.0.0', '2.0.0'],
    isSame: true,
    twice: 'VERSION_DUPLICATE',
  })
})
