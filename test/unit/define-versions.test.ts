import { describe, expect, test } from 'vitest'
import { defineVersions } from '../../src/index.js'
import { historyOf } from '../../src/schema-version/version-history.js'
import { codeOf } from '../support/backfills.js'

const city = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version(
    '2.0.0',
    { id: 'integer', name: 'text', slug: 'text' },
    { upgrade: (row) => ({ slug: row.name.toLowerCase() }), downgrade: () => ({}) },
  )
  .version(
    '3.0.0',
    { id: 'integer', title: 'text', slug: 'text' },
    { upgrade: (row) => ({ title: row.name }), downgrade: (row) => ({ name: row.title }) },
  )

describe('convert', () => {
  test('takes a row through every step, and leaves what the version no longer has', () => {
    const row = city.convert({ id: 1, name: 'Oslo' }, { from: '1.0.0', to: '3.0.0', as: 'plain' })
    expect(row).toEqual({ id: 1, title: 'Oslo', slug: 'oslo' })
  })

  test('goes back', () => {
    const row = city.convert({ id: 1, title: 'Oslo', slug: 'x' }, { from: '3.0.0', to: '1.0.0', as: 'plain' })
    expect(row).toEqual({ id: 1, name: 'Oslo' })
  })

  test('stays where it is', () => {
    expect(city.convert({ id: 1, name: 'Oslo' }, { from: '1.0.0', to: '1.0.0', as: 'plain' })).toEqual({
      id: 1,
      name: 'Oslo',
    })
  })

  test('prefers the direct step', () => {
    const direct = city.step('1.0.0', '3.0.0', (row) => ({ title: row.name, slug: 'direct' }))
    expect(direct.convert({ id: 1, name: 'Oslo' }, { from: '1.0.0', to: '3.0.0', as: 'plain' }).slug).toBe('direct')
    // The one it was made from has no such step.
    expect(city.convert({ id: 1, name: 'Oslo' }, { from: '1.0.0', to: '3.0.0', as: 'plain' }).slug).toBe('oslo')
  })

  test('needs no function where every field is there already', () => {
    const narrower = defineVersions('Tag')
      .version('1.0.0', { id: 'integer', name: 'text', old: 'text?' })
      .version('1.1.0', { id: 'integer', name: 'text' })
    expect(narrower.convert({ id: 1, name: 'a', old: null }, { from: '1.0.0', to: '1.1.0', as: 'plain' })).toEqual({
      id: 1,
      name: 'a',
    })
  })

  test('does not change the row it is given', () => {
    const row = Object.freeze({ id: 1, name: 'Oslo' })
    city.convert(row, { from: '1.0.0', to: '2.0.0', as: 'plain' })
    expect(row).toEqual({ id: 1, name: 'Oslo' })
  })

  test('keeps values that are false, zero or empty', () => {
    const flags = defineVersions('Flag')
      .version('1.0.0', { on: 'boolean', n: 'integer', text: 'text', none: 'text?' })
      .version('2.0.0', { on: 'boolean', n: 'integer', text: 'text', none: 'text?' })
    const row = { on: false, n: 0, text: '', none: null }
    expect(flags.convert(row, { from: '1.0.0', to: '2.0.0', as: 'plain' })).toEqual(row)
  })

  test('says how far the steps lead when they do not lead there', () => {
    const oneWay = defineVersions('Tag')
      .version('1.0.0', { id: 'integer' })
      .version('2.0.0', { id: 'integer', name: 'text' }, { upgrade: () => ({ name: '' }) })
      .version(
        '3.0.0',
        { id: 'integer', name: 'text', a: 'text' },
        { upgrade: () => ({ a: '' }), downgrade: () => ({}) },
      )
    expect(() => oneWay.convert({ id: 1, name: '', a: '' }, { from: '3.0.0', to: '1.0.0', as: 'plain' })).toThrow(
      'versions "Tag": no steps lead from 3.0.0 to 1.0.0; from 3.0.0 they reach 2.0.0. Add the missing `downgrade`',
    )
  })

  test('names the step and the column when a step that was not type-checked leaves one out', async () => {
    const untyped = defineVersions('Tag')
      .version('1.0.0', { id: 'integer' })
      .version('2.0.0', { id: 'integer', name: 'text' }, { upgrade: (() => ({})) as never })
    const call = () => untyped.convert({ id: 1 }, { from: '1.0.0', to: '2.0.0', as: 'plain' })
    expect(await codeOf(call)).toBe('STEP_INCOMPLETE')
    expect(call).toThrow('the step from 1.0.0 to 2.0.0 gives no "name"')
  })

  test('refuses versions it does not have', async () => {
    expect(await codeOf(() => city.convert({} as never, { from: '0.9.0' as never, to: '2.0.0', as: 'plain' }))).toBe(
      'VERSION_UNKNOWN',
    )
    expect(await codeOf(() => city.convert({} as never, { from: '1.0.0', to: '9.0.0' as never, as: 'plain' }))).toBe(
      'VERSION_UNKNOWN',
    )
  })
})

describe('versions', () => {
  test('are refused when there are two of one, or when the older one comes later', async () => {
    const first = defineVersions('Tag').version('2.0.0', { id: 'integer' })
    expect(await codeOf(() => first.version('2.0.0' as never, { id: 'integer' }))).toBe('VERSION_DUPLICATE')
    expect(await codeOf(() => first.version('1.10.0', { id: 'integer' }))).toBe('VERSION_ORDER')
    expect(await codeOf(() => first.version('10.0.0', { id: 'integer' }))).toBe(undefined)
  })

  test('are refused when a step is there already', async () => {
    expect(await codeOf(() => city.step('1.0.0', '2.0.0', () => ({ slug: '' })))).toBe('VERSION_DUPLICATE')
  })

  test.each(['2', '2.0', 'v2.0.0', '2.0.0-beta', '02.0.0', '', ' 2.0.0'])('are not %j', async (version) => {
    expect(await codeOf(() => defineVersions('Tag').version(version as never, { id: 'integer' }))).toBe(
      'VERSION_INVALID',
    )
  })

  test('tell their versions, shapes and ways', () => {
    const history = historyOf(city)
    expect(history?.versions).toEqual(['1.0.0', '2.0.0', '3.0.0'])
    expect(history?.shape('1.0.0')).toEqual({ id: 'integer', name: 'text' })
    expect(history?.hasPath('1.0.0', '3.0.0')).toBe(true)
    expect(historyOf(defineVersions('Tag').version('1.0.0', {}).version('2.0.0', {}))?.hasPath('2.0.0', '1.0.0')).toBe(
      false,
    )
    expect(historyOf({ kind: 'versions' })).toBe(undefined)
  })

  test('show TypeORM nothing that it would construct', () => {
    expect(Object.values(city).filter((member) => typeof member === 'function')).toEqual([])
  })
})
