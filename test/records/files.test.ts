import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { convertFile, readRecords, writeRecords } from '../../src/files/index.js'
import { defineVersions } from '../../src/index.js'
import { codeOf } from '../support/backfills.js'
import { listOf, user } from './users.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rowshift-files-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

const at = (name: string) => join(folder, name)
const put = (name: string, text: string | Buffer) => {
  writeFileSync(at(name), text)
  return at(name)
}
const people = [
  { name: 'Ada Lovelace', note: 'says "hi", twice\nor so' },
  { name: 'Grace Hopper', note: '' },
]

describe('records', () => {
  test.each(['r.json', 'r.jsonl', 'r.ndjson', 'r.csv', 'r.json.gz', 'r.jsonl.gz', 'r.csv.gz'])(
    'go into %s and come out',
    async (name) => {
      expect(await writeRecords(at(name), people)).toBe(2)
      expect(await listOf(readRecords(at(name)))).toEqual(people)
      expect(
        readFileSync(at(name))
          .subarray(0, 2)
          .equals(Buffer.from([0x1f, 0x8b])),
      ).toBe(name.endsWith('.gz'))
    },
  )

  test('are none in a file of none', async () => {
    for (const name of ['r.json', 'r.jsonl', 'r.csv']) {
      expect(await writeRecords(at(name), [])).toBe(0)
      expect(await listOf(readRecords(at(name)))).toEqual([])
    }
  })

  test('are read from one document, with CRLF, with a byte order mark, without a last line end', async () => {
    expect(await listOf(readRecords(put('one.json', '{"a":1}')))).toEqual([{ a: 1 }])
    expect(await listOf(readRecords(put('a.jsonl', '{"a":1}\r\n\r\n{"a":2}')))).toEqual([{ a: 1 }, { a: 2 }])
    expect(await listOf(readRecords(put('a.csv', '\uFEFFa,b\r\n1,2\r\n')))).toEqual([{ a: '1', b: '2' }])
  })

  test('that cannot be read are refused with their line, and without their contents', async () => {
    const cases = [
      [put('b.json', '[{"a": secret'), 'is no JSON'],
      [put('b.jsonl', '{"a":1}\nsecret\n'), 'is no JSON in line 2'],
      [put('b.csv', 'a,b\n1,2\nsecret\n'), 'is no CSV in line 3: CSV_RECORD_INCONSISTENT_COLUMNS'],
      [put('b.jsonl.gz', gzipSync('{"a":1}\n').subarray(0, 20)), 'is no whole gzip file'],
      [at('b.txt'), 'is neither .json nor'],
    ] as const
    for (const [path, words] of cases) {
      const error = (await listOf(readRecords(path)).catch((thrown: unknown) => thrown)) as Error
      expect(error).toMatchObject({ code: 'FILE_INVALID' })
      expect(error.message).toContain(words)
      expect(error.message).not.toContain('secret')
    }
    for (const name of ['c.json', 'c.jsonl', 'c.csv.gz'])
      await expect(listOf(readRecords(at(name)))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('a file of records', () => {
  test('is upgraded from one format to another', async () => {
    await writeRecords(at('v1.csv'), [{ name: 'Ada Lovelace' }, { name: 'Grace Hopper' }])
    const { report } = await convertFile(user, {
      input: at('v1.csv'),
      output: at('v2.jsonl.gz'),
      from: '1.0.0',
      to: '2.0.0',
    })
    expect(report).toMatchObject({ converted: 2, failed: 0, isDone: true })
    expect(gunzipSync(readFileSync(at('v2.jsonl.gz'))).toString()).toBe(
      '{"firstName":"Ada","lastName":"Lovelace"}\n{"firstName":"Grace","lastName":"Hopper"}\n',
    )
  })

  test('is left as it was when a record cannot be converted, with nothing beside it', async () => {
    await writeRecords(at('v1.jsonl'), [{ name: 'Ada' }, { name: '' }])
    put('v2.jsonl', 'precious')
    const options = { input: at('v1.jsonl'), output: at('v2.jsonl'), from: '1.0.0', to: '2.0.0' } as const
    expect(await codeOf(() => convertFile(user, options))).toBe('RECORD_INVALID')
    expect(readFileSync(at('v2.jsonl'), 'utf8')).toBe('precious')
    expect(readdirSync(folder).sort()).toEqual(['v1.jsonl', 'v2.jsonl'])
    const { failures } = await convertFile(user, { ...options, onError: 'collect', key: 'name' })
    expect(failures).toMatchObject([{ index: 1, findings: [{ path: 'firstName' }] }])
    expect(readFileSync(at('v2.jsonl'), 'utf8')).toBe('{"firstName":"Ada","lastName":""}\n')
  })

  test('has its name only when it is whole: until then readers see the old one', async () => {
    put('out.jsonl', 'old\n')
    async function* slow() {
      yield { a: 1 }
      expect(readFileSync(at('out.jsonl'), 'utf8')).toBe('old\n')
      yield { a: 2 }
    }
    await writeRecords(at('out.jsonl'), slow())
    expect(readFileSync(at('out.jsonl'), 'utf8')).toBe('{"a":1}\n{"a":2}\n')
  })

  test('is refused before anything is read when its name tells no format', async () => {
    const options = { input: at('none.csv'), output: at('out.xml'), from: '1.0.0', to: '2.0.0' } as const
    expect(await codeOf(() => convertFile(user, options))).toBe('FILE_INVALID')
    expect(existsSync(at('out.xml'))).toBe(false)
  })

  test('has texts for what it has no word for, read by the columns of its version', async () => {
    const shape = {
      id: 'bigint',
      n: 'integer',
      x: 'double',
      price: 'decimal',
      on: 'boolean',
      at: 'timestamp',
      more: 'json',
      raw: 'bytes',
      note: 'text?',
    } as const
    const thing = defineVersions('Thing').version('1.0.0', shape).version('1.1.0', shape)
    const row = {
      id: 9007199254740993n,
      n: 1,
      x: 0.5,
      price: '9.50',
      on: false,
      at: new Date('2026-01-02T03:04:05.678Z'),
      more: { a: [1, null] },
      raw: Buffer.from([0, 255]),
      note: null,
    }
    for (const name of ['r.json', 'r.jsonl', 'r.csv']) {
      await writeRecords(at(name), [row])
      const output = at(`again-${name}`)
      await convertFile(thing, { input: at(name), output, from: '1.0.0' })
      expect(readFileSync(output, 'utf8')).toBe(readFileSync(at(name), 'utf8'))
    }
    await writeRecords(at('bad.csv'), [{ ...row, n: 'one', at: 'soon' }])
    const { failures } = await convertFile(thing, {
      input: at('bad.csv'),
      output: at('o.csv'),
      from: '1.0.0',
      onError: 'collect',
    })
    expect(failures[0]!.findings.map(({ path }) => path)).toEqual(['n', 'at'])
  })
})
