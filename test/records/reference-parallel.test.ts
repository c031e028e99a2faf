import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { CliProject } from '../support/cli-project.js'

/* What the page on batches of pyrmute shows about parallel processing (parity row P6), in an application of ES modules. */

const versions = `import { defineVersions } from 'rowshift'

export const user = defineVersions('User')
  .version('1.0.0', { name: 'text' })
  .version('2.0.0', { first: 'text', last: 'text' }, {
    upgrade({ name }) {
      const [first = '', ...rest] = name.split(' ')
      return { first, last: rest.join(' ') }
    },
  })

const words = (text) => text.toLowerCase().match(/[a-z]+/g) ?? []
const longest = (text) => words(text).sort((a, b) => b.length - a.length || a.localeCompare(b)).slice(0, 2)

export const document = defineVersions('Document')
  .version('1.0.0', { content: 'text' })
  .version('2.0.0', { content: 'text', keywords: 'json', summary: 'text' }, {
    upgrade: ({ content }) => ({ keywords: longest(content), summary: content.slice(0, 10) }),
  })
`

const main = `import { availableParallelism } from 'node:os'
import { document, user } from './versions.mjs'

const module = new URL('./versions.mjs', import.meta.url)
const people = Array.from({ length: 1000 }, (_, i) => ({ name: 'User ' + i }))
const convert = (parallel) => user.convertAll(people, { from: '1.0.0', parallel })

const sequential = convert()
const said = JSON.stringify(sequential)
const isSame = (found) => JSON.stringify(found) === said

async function benchmark(parallel) {
  const started = performance.now()
  const found = await convert(parallel)
  return { isSame: isSame(found), perSecond: found.length / ((performance.now() - started) / 1000) }
}

async function streamed(chunk) {
  const found = []
  for await (const one of user.convertStream(people, { from: '1.0.0', parallel: { module, workers: 2, chunk } })) found.push(one)
  return isSame(found)
}

console.log(JSON.stringify({
  first: sequential[0],
  threads: isSame(await convert({ module, workers: 4 })),
  automatic: isSame(await convert({ module })),
  conservative: isSame(await convert({ module, workers: Math.max(1, availableParallelism() - 2) })),
  documents: await document.convertAll(
    [{ content: 'A short text about databases' }, { content: 'Another one' }],
    { from: '1.0.0', parallel: { module, workers: 2, chunk: 1 } },
  ),
  chunks: [await streamed(100), await streamed(1000), await streamed(10000)],
  benchmarks: [await benchmark(), await benchmark({ module, workers: 4 })],
}))
`

test('sequential, with threads, as many as are found or stated, in chunks of any size, and compared', async () => {
  const { folder } = await CliProject.createEmpty({ 'versions.mjs': versions, 'main.mjs': main })
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')], { cwd: folder })
  const perSecond = expect.any(Number)
  expect(JSON.parse(stdout)).toEqual({
    first: { first: 'User', last: '0' },
    threads: true,
    automatic: true,
    conservative: true,
    documents: [
      {
        content: 'A short text about databases',
        keywords: ['databases', 'about'],
        summary: 'A short te',
      },
      { content: 'Another one', keywords: ['another', 'one'], summary: 'Another on' },
    ],
    chunks: [true, true, true],
    benchmarks: [
      { isSame: true, perSecond },
      { isSame: true, perSecond },
    ],
  })
})
