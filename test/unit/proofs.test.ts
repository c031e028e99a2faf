import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/* What the documents say is proven, and by which test. */

const root = join(__dirname, '../..')

const read = (path: string) => readFileSync(join(root, path), 'utf8')

const testFiles = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) =>
  path.endsWith('.test.ts'),
)

/** Whether a file has a test of this title; `…` ends the part that the title always begins with. */
function hasTitle(source: string, title: string): boolean {
  const isWhole = !title.endsWith('…')
  const text = title.replace(/ ?…$/, '')
  return ["'", '`', '"'].some((quote) => source.includes(`${quote}${text}${isWhole ? quote : ''}`))
}

describe('docs/proofs.md', () => {
  const proofs = [...read('docs/proofs.md').matchAll(/\]\(\.\.\/(test\/[^)]+)\): ((?:\*[^*]+\*(?:; )?)+)/g)].flatMap(
    ([, path, titles]) => [...titles!.matchAll(/\*([^*]+)\*/g)].map(([, title]) => ({ path: path!, title: title! })),
  )

  test('names tests that are there, by their titles', () => {
    const gone = proofs.filter(({ path, title }) => !existsSync(join(root, path)) || !hasTitle(read(path), title))
    expect(gone).toEqual([])
    expect(proofs.length).toBeGreaterThan(100)
  })

  test('has a test in every row of its tables', () => {
    const rows = read('docs/proofs.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| ?(case|mistake)? ?\| shown/.test(line))
    const unproven = rows.filter((row) => !/\]\(\.\.\/test\/[^)]+\): \*/.test(row))
    expect(unproven).toEqual([])
  })
})

test('docs/parity.md names files of tests that are there', () => {
  const names = [...read('docs/parity.md').matchAll(/`([\w./-]+\.test(?:-d)?\.ts)`/g)].map(([, name]) => name!)
  const known = new Set([
    ...testFiles.flatMap((path) => [basename(path), `test/${path}`]),
    ...readdirSync(join(root, 'test/types')).map((name) => `test/types/${name}`),
  ])
  expect(names.filter((name) => !known.has(name))).toEqual([])
  expect(names.length).toBeGreaterThan(50)
})

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).flatMap((path) =>
    path.endsWith('.md') ? [`docs/${path}`] : [],
  ),
]

test.each(documents)('%s links to files that are there', (document) => {
  const links = [...read(document).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)].map(
    ([, link]) => link!,
  )
  expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([])
})
