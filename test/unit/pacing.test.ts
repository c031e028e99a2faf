import { expect, test } from 'vitest'
import { PageSize } from '../../src/backfill/pacing.js'

test('a page is halved while batches outlast half the lease, down to one row', () => {
  const size = new PageSize(2000, 5000)
  expect(size.rows).toBe(2000)
  size.took(2600)
  expect(size.rows).toBe(1000)
  for (let i = 0; i < 20; i++) size.took(9000)
  expect(size.rows).toBe(1)
})

test('a page grows back slowly, and never beyond what the definition asks for', () => {
  const size = new PageSize(2000, 5000)
  size.took(3000)
  size.took(2000)
  expect(size.rows).toBe(1000)
  size.took(100)
  expect(size.rows).toBe(1200)
  for (let i = 0; i < 20; i++) size.took(100)
  expect(size.rows).toBe(2000)
})
