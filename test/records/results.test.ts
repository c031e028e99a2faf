import 'reflect-metadata'
import { Transform, Type } from 'class-transformer'
import { IsInt, IsOptional, IsString, Validate, ValidateBy, ValidateNested, ValidatorConstraint } from 'class-validator'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineVersions, field, RowshiftError, upgrade } from '../../src/index.js'
import { codeOf } from '../support/backfills.js'
import { listOf, UserV1, UserV2, UserV3, user } from './users.js'

/** The error of a call that must throw. */
function errorOf(call: () => unknown): RowshiftError {
  try {
    call()
  } catch (error) {
    if (error instanceof RowshiftError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a record of a class', () => {
  test('becomes a validated instance by default', () => {
    const ada = user.convert({ name: 'Ada Lovelace' }, { from: '1.0.0', to: '2.0.0' })
    expect(ada).toBeInstanceOf(UserV2)
    expect(ada.fullName()).toBe('Ada Lovelace')
  })

  test('goes to the latest version when none is named', () => {
    const ada = user.convert({ name: 'Ada Lovelace' }, { from: '1.0.0' })
    expect(ada).toBeInstanceOf(UserV3)
    expect(ada.email).toBe('ada@example.com')
  })

  test('becomes an instance that is not validated, or plain', () => {
    const instance = user.convert({ name: '' }, { from: '1.0.0', to: '2.0.0', as: 'instance' })
    expect(instance).toBeInstanceOf(UserV2)
    const plain = user.convert({ name: '' }, { from: '1.0.0', to: '2.0.0', as: 'plain' })
    expect(plain).not.toBeInstanceOf(UserV2)
    expect(plain).toEqual({ firstName: '', lastName: '' })
  })

  test('goes back', () => {
    const before = user.convert({ firstName: 'Ada', lastName: 'Lovelace' }, { from: '2.0.0', to: '1.0.0' })
    expect(before).toBeInstanceOf(UserV1)
    expect(before.name).toBe('Ada Lovelace')
  })

  test('is refused with the findings, and without its contents', () => {
    const error = errorOf(() => user.convert({ name: '' }, { from: '1.0.0', to: '2.0.0' }))
    expect(error.code).toBe('RECORD_INVALID')
    expect(error.details.findings).toEqual([
      { path: 'firstName', rule: 'isNotEmpty', message: 'firstName should not be empty' },
    ])
    const secret = errorOf(() => user.convert({ name: 'se@cret' }, { from: '1.0.0', to: '3.0.0' }))
    expect(secret.message).toContain('email (isEmail)')
    expect(JSON.stringify(secret)).not.toContain('cret')
  })

  test('is validated for groups, and by a whitelist', () => {
    class AccountV1 {
      @IsInt()
      id!: number
    }
    class AccountV2 {
      @IsInt({ always: true })
      id!: number

      @IsString({ groups: ['full'] })
      owner?: string

      extra?: string
    }
    const account = defineVersions('Account').version('1.0.0', AccountV1).version('2.0.0', AccountV2)
    const options = { from: '1.0.0', to: '2.0.0' } as const
    expect(account.convert({ id: 1 }, { ...options, validator: { groups: ['brief'] } }).id).toBe(1)
    const findings = errorOf(() => account.convert({ id: 1 }, { ...options, validator: { groups: ['full'] } })).details
    expect(findings).toMatchObject({ findings: [{ path: 'owner', rule: 'isString' }] })

    const same = { from: '2.0.0', to: '2.0.0' } as const
    const row = { id: 1, owner: 'a', extra: 'x' }
    expect(account.convert(row, same).extra).toBe('x')
    expect(account.convert(row, { ...same, validator: { whitelist: true } })).not.toHaveProperty('extra', 'x')
    const strict = { whitelist: true, forbidNonWhitelisted: true }
    expect(errorOf(() => account.convert(row, { ...same, validator: strict })).details).toMatchObject({
      findings: [{ path: 'extra', rule: 'whitelistValidation' }],
    })
  })

  test('is made once and validated once', () => {
    const calls: string[] = []
    class Before {
      @IsString() name!: string
    }
    class Counted {
      @Transform(({ value }) => {
        calls.push('made')
        return value as string
      })
      @ValidateBy({
        name: 'counted',
        validator: {
          validate() {
            calls.push('validated')
            return true
          },
        },
      })
      name!: string
    }
    const counted = defineVersions('Counted')
      .version('1.0.0', Before)
      .version(
        '2.0.0',
        Counted,
        upgrade(Before, Counted, ({ name }) => {
          calls.push('step')
          return { name }
        }),
      )
    counted.convertAll([{ name: 'a' }, { name: 'b' }], { from: '1.0.0' })
    expect(calls).toEqual(['step', 'made', 'validated', 'step', 'made', 'validated'])
  })

  test('lists what is wrong inside nested objects by path', () => {
    class Line {
      @IsInt()
      amount!: number
    }
    class Order {
      @ValidateNested({ each: true })
      @Type(() => Line)
      lines!: Line[]
    }
    const order = defineVersions('Order').version('1.0.0', Order)
    const good = order.convert({ lines: [{ amount: 1 }] }, { from: '1.0.0' })
    expect(good.lines[0]).toBeInstanceOf(Line)
    const lines = [{ amount: 1 }, { amount: 'two' as never }]
    expect(errorOf(() => order.convert({ lines }, { from: '1.0.0' })).details).toMatchObject({
      findings: [{ path: 'lines.1.amount', rule: 'isInt' }],
    })
  })

  test('is refused when nothing says what is valid', () => {
    class Bare {
      id!: number
    }
    const bare = defineVersions('Bare').version('1.0.0', Bare)
    const error = errorOf(() => bare.convert({ id: 1 }, { from: '1.0.0' }))
    expect(error.code).toBe('VALIDATION_UNAVAILABLE')
    expect(error.message).toContain('class Bare has no decorator of class-validator')
    expect(bare.convert({ id: 1 }, { from: '1.0.0', as: 'instance' })).toBeInstanceOf(Bare)
  })

  test('waits for an asynchronous validator in a stream, and says so elsewhere', async () => {
    @ValidatorConstraint({ async: true })
    class IsFree {
      validate(value: unknown) {
        return Promise.resolve(value !== 'taken')
      }
    }
    class Name {
      @Validate(IsFree)
      name!: string
    }
    const names = defineVersions('Name').version('1.0.0', Name)
    expect(await codeOf(() => names.convert({ name: 'a' }, { from: '1.0.0' }))).toBe('VALIDATION_UNAVAILABLE')
    expect(await codeOf(() => names.convertAll([{ name: 'a' }], { from: '1.0.0', onError: 'skip' }))).toBe(
      'VALIDATION_UNAVAILABLE',
    )
    const stream = names.convertStream([{ name: 'free' }, { name: 'taken' }], { from: '1.0.0', onError: 'collect' })
    const found = await listOf(stream)
    expect(found).toEqual([{ name: 'free' }])
    expect(stream.failures).toMatchObject([{ index: 1, findings: [{ path: 'name', rule: 'IsFree' }] }])
  })

  test('keeps the initial values of its class for fields that nothing gives, each its own', () => {
    class TaskV1 {
      @IsString()
      title!: string
    }
    class TaskV2 {
      @IsString()
      title!: string

      status?: string = 'open'
      tags?: string[] = []

      @IsOptional()
      @IsString()
      note?: string
    }
    const task = defineVersions('Task').version('1.0.0', TaskV1).version('2.0.0', TaskV2)
    const [a, b] = task.convertAll([{ title: 'a' }, { title: 'b' }], { from: '1.0.0', as: 'plain' })
    expect(a).toEqual({ title: 'a', status: 'open', tags: [] })
    expect(a!.tags).not.toBe(b!.tags)
    expect(task.path('1.0.0', '2.0.0')).toEqual([
      { from: '1.0.0', to: '2.0.0', isAutomatic: true, dropped: [], filled: ['status', 'tags'] },
    ])
  })
})

describe('a record of a Standard Schema', () => {
  const inZod = defineVersions('City')
    .version('1.0.0', z.object({ name: z.string() }))
    .version('2.0.0', z.object({ title: z.string().min(1), kind: z.string().default('town') }), {
      upgrade: (row) => ({ title: row.name }),
    })
  const inValibot = defineVersions('City')
    .version('1.0.0', v.object({ name: v.string() }))
    .version('2.0.0', v.object({ title: v.pipe(v.string(), v.minLength(1)), kind: v.optional(v.string(), 'town') }), {
      upgrade: (row) => ({ title: row.name }),
    })

  test('is parsed: zod fills its defaults', () => {
    const oslo = inZod.convert({ name: 'Oslo' }, { from: '1.0.0' })
    expect(oslo.kind.toUpperCase()).toBe('TOWN')
    expect(inZod.convert({ name: 'Oslo' }, { from: '1.0.0', as: 'plain' })).toEqual({ title: 'Oslo' })
    expect(errorOf(() => inZod.convert({ name: '' }, { from: '1.0.0' })).details).toMatchObject({
      findings: [{ path: 'title', rule: 'zod' }],
    })
  })

  test('is parsed: valibot fills its defaults', () => {
    expect(inValibot.convert({ name: 'Oslo' }, { from: '1.0.0' })).toEqual({ title: 'Oslo', kind: 'town' })
    expect(errorOf(() => inValibot.convert({ name: '' }, { from: '1.0.0' })).details).toMatchObject({
      findings: [{ path: 'title', rule: 'valibot' }],
    })
  })

  test('loses the fields that its object does not have, unless that is loose', () => {
    const row = { name: 'Oslo', extra: 1 }
    const strict = z.object({ name: z.string() })
    const loose = z.looseObject({ name: z.string() })
    const strictly = defineVersions('A').version('1.0.0', strict).version('2.0.0', strict)
    const loosely = defineVersions('A').version('1.0.0', loose).version('2.0.0', loose)
    expect(strictly.convert(row, { from: '1.0.0', as: 'plain' })).toEqual({ name: 'Oslo' })
    expect(loosely.convert(row, { from: '1.0.0', as: 'plain' })).toEqual(row)
  })
})

describe('a row of columns', () => {
  const place = defineVersions('Place')
    .version('1.0.0', { id: 'integer', name: 'text', old: 'text?' })
    .version('2.0.0', {
      id: 'integer',
      title: field('text', { alias: ['label', 'name'] }),
      kind: field(['city', 'town'], { fallback: 'city' }),
    })

  test('fills itself by aliases and fallbacks, and lists what it drops', () => {
    expect(place.convert({ id: 1, name: 'Oslo', old: null }, { from: '1.0.0' })).toEqual({
      id: 1,
      title: 'Oslo',
      kind: 'city',
    })
    expect(place.path('1.0.0', '2.0.0')).toEqual([
      { from: '1.0.0', to: '2.0.0', isAutomatic: true, dropped: ['name', 'old'], filled: ['title', 'kind'] },
    ])
  })

  test('is checked against the types of its columns', () => {
    const shop = defineVersions('Shop').version('1.0.0', {
      id: 'integer',
      price: 'decimal',
      open: 'boolean?',
      since: 'timestamp',
      kind: ['a', 'b'],
    })
    const good = { id: 1, price: '9.50', open: null, since: new Date(0), kind: 'a' as const }
    expect(shop.convert(good, { from: '1.0.0' })).toEqual(good)
    const bad = { id: 1.5, price: 'cheap', open: 'yes', since: 'today', kind: 'c' }
    const error = errorOf(() => shop.convert(bad as never, { from: '1.0.0' }))
    expect(error.details.findings).toEqual([
      { path: 'id', rule: 'integer', message: 'expected a whole number, got number with a fraction' },
      { path: 'price', rule: 'decimal', message: 'the text is no decimal number' },
      { path: 'open', rule: 'boolean', message: 'expected a boolean, got string' },
      { path: 'since', rule: 'timestamp', message: 'expected a Date, got string' },
      { path: 'kind', rule: 'text', message: 'the value is not one of those listed' },
    ])
  })
})

describe('a step', () => {
  test('between other shapes than its version is refused', async () => {
    const wrong = upgrade(UserV2, UserV3, () => ({ email: '' }))
    expect(
      await codeOf(() =>
        defineVersions('User')
          .version('1.0.0', UserV1)
          .version('2.0.0', UserV2, wrong as never),
      ),
    ).toBe('INVALID_DEFINITION')
  })

  test('that throws is named, with its cause', () => {
    const broken = defineVersions('B')
      .version('1.0.0', { id: 'integer' })
      .version('2.0.0', { id: 'integer', a: 'text' }, { upgrade: () => ({ a: '' }) })
      .version(
        '3.0.0',
        { id: 'integer', a: 'text', b: 'text' },
        {
          upgrade: () => {
            throw new TypeError('no luck')
          },
        },
      )
    const error = errorOf(() => broken.convert({ id: 1 }, { from: '1.0.0' }))
    expect(error.code).toBe('STEP_FAILED')
    expect(error.details).toMatchObject({ from: '1.0.0', to: '3.0.0', step: '2.0.0 -> 3.0.0' })
    expect(error.cause).toBeInstanceOf(TypeError)
  })
})
