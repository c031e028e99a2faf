import { describe, expect, test } from 'vitest'
import { CliProject } from '../support/cli-project.js'

const project = () =>
  CliProject.createEmpty({
    'versions/user.ts': `import { defineVersions, field } from 'rowshift'
export const user = defineVersions('User')
  .version('1.0.0', { id: 'integer', name: 'text', old: 'text?' })
  .version('2.0.0', { id: 'integer', first: 'text' }, { upgrade: (row) => ({ first: row.name.split(' ')[0] ?? '' }) })
  .version('3.0.0', { id: 'integer', firstName: field('text', { alias: 'first' }) })
`,
    'users.csv': 'id,name,old\n1,Ada Lovelace,\n2,Grace Hopper,x\n',
    'bad.csv': 'id,name,old\n1,Ada,\nx,Eve,\n',
  })

describe('rowshift versions', () => {
  test('lists, shows paths, compares and exports', async () => {
    const app = await project()
    expect((await app.json(['versions', 'list'])).document).toEqual([
      { name: 'User', versions: ['1.0.0', '2.0.0', '3.0.0'], file: 'versions/user.ts' },
    ])
    expect((await app.run(['versions', 'path', 'User', '1.0.0', '3.0.0'])).stdout).toBe(
      '1.0.0 -> 2.0.0  function   drops name, old\n2.0.0 -> 3.0.0  automatic  drops first      fills firstName\n',
    )
    const { stdout } = await app.run(['versions', 'diff', 'User', '1.0.0', '2.0.0'])
    expect(stdout).toContain('# User 1.0.0 → 2.0.0')
    expect(stdout).toContain('first: undefined, // new: string')
    expect((await app.json(['versions', 'diff', 'User', '1.0.0', '2.0.0'])).document).toMatchObject({
      isBreaking: true,
    })
    expect((await app.json(['versions', 'export', 'User', '2.0.0'])).document).toMatchObject({ title: 'User 2.0.0' })
  })

  test('validates and upgrades files, and tells of every bad record', async () => {
    const app = await project()
    const upgraded = await app.json(['versions', 'upgrade', 'User', '1.0.0', '3.0.0', 'users.csv', 'out.jsonl'])
    expect(upgraded).toMatchObject({ code: 0, document: { report: { converted: 2, failed: 0 } } })
    expect((await app.json(['versions', 'validate', 'User', '3.0.0', 'out.jsonl'])).code).toBe(0)

    const bad = await app.run(['versions', 'validate', 'User', '1.0.0', 'bad.csv', '--key', 'name'])
    expect(bad.code).toBe(1)
    expect(bad.stdout).toContain('1 record valid, 1 failed')
    expect(bad.stdout).toContain('record 1 (Eve)  id: expected a whole number, got string')
    const stopped = await app.json(['versions', 'upgrade', 'User', '1.0.0', '3.0.0', 'bad.csv', 'out.json'])
    expect(stopped).toMatchObject({ code: 1, document: { error: { code: 'RECORD_INVALID', details: { index: 1 } } } })
    const collected = await app.json([
      'versions',
      'upgrade',
      'User',
      '1.0.0',
      '3.0.0',
      'bad.csv',
      'out.json',
      '--collect',
    ])
    expect(collected).toMatchObject({ code: 1, document: { report: { converted: 1 }, failures: [{ index: 1 }] } })
  })

  test('says what is missing or unknown', async () => {
    const app = await project()
    const errorOf = async (...args: string[]) => {
      const { code, document } = await app.json(['versions', ...args])
      expect(code).toBe(2)
      return (document as { error: { message: string } }).error.message
    }
    expect(await errorOf('lst')).toContain(
      'there is no action "lst". Choose from: list, path, diff, export, validate, bench, upgrade',
    )
    expect(await errorOf('export', 'Usr', '1.0.0')).toContain('no versions are named "Usr". Did you mean "User"?')
  })
})
