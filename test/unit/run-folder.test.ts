import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runChild } from '../support/child.js'

test('the folder of a run is there while it goes on, and goes when it is killed', async () => {
  const child = runChild(join(__dirname, 'fixtures/make-run-folder.ts'))
  const folder = (await child.line('folder: ')).replace('folder: ', '')
  expect(existsSync(join(folder, 'of-the-run'))).toBe(true)
  expect(await child.kill()).toMatchObject({ signal: 'SIGKILL' })
  await expect.poll(() => existsSync(folder), { timeout: 20_000, interval: 200 }).toBe(false)
})
