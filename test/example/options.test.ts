import { expect, test } from 'vitest'
import { readOptions } from '../../example-app/story/options.js'

test('the example takes a database, a number of cities, and --json', () => {
  expect(readOptions('npm run example', [])).toEqual({
    database: 'sqlite',
    cities: Number.POSITIVE_INFINITY,
    isJson: false,
  })
  expect(readOptions('npm run example', ['--database', 'mysql://root@db1', '--cities', '500', '--json'])).toEqual({
    database: 'mysql://root@db1',
    cities: 500,
    isJson: true,
  })
  expect(readOptions('npm run example', ['--database', '/nowhere/cities.sqlite'])).toMatchObject({
    database: '/nowhere/cities.sqlite',
  })
})

test('the example says how it is used when an option is wrong', () => {
  for (const args of [['--database', 'oracle'], ['--database', 'http://db1'], ['--cities', 'many'], ['--colour']]) {
    expect(readOptions('npm run example', args)).toContain('npm run example -- [options]')
  }
})
