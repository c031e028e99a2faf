import { defineVersions, upgrade } from '../../src/index.js'
import { byLiteral, cast, fallback, list, map, nested, pipe, rename, trim } from '../../src/transformers/index.js'
import type { Equal, Expect } from './expect.js'

interface Row {
  id: number
  name: string
  age: string | null
  nick?: string
}
declare const row: Row

const piped = pipe(
  row,
  rename('name', 'firstName'),
  trim('firstName', 'nick'),
  cast('age', 'integer'),
  fallback('nick', 'none'),
  map('id', (id: number) => String(id)),
)
const renamed = rename('nick', 'alias')(row)

export type Results = [
  Expect<Equal<typeof piped, { firstName: string; age: number | null; nick: string; id: string }>>,
  Expect<Equal<typeof renamed, { id: number; name: string; age: string | null; alias?: string | undefined }>>,
]

class UserV1 {
  name!: string
}
class UserV2 {
  firstName!: string
  lastName!: string
}
export const whole = upgrade(UserV1, UserV2, (u) =>
  pipe(u, rename('name', 'firstName'), trim('firstName'), (x) => ({ ...x, lastName: '' })),
)
// @ts-expect-error the pipeline leaves out lastName
export const half = upgrade(UserV1, UserV2, (u) => pipe(u, rename('name', 'firstName')))

// @ts-expect-error no such field
pipe(row, rename('nmae', 'x'))
// @ts-expect-error a number cannot be trimmed
pipe(row, trim('id'))
pipe(
  row,
  // @ts-expect-error the function takes another type than the field has
  map('id', (id: Date) => id),
)

const address = defineVersions('Address')
  .version('1.0.0', { zip: 'integer' })
  .version('2.0.0', { zip: 'text' }, { upgrade: ({ zip }) => ({ zip: String(zip) }) })
const zips = list(nested(address, '1.0.0', '2.0.0'))([{ zip: 1 }])
const shape = byLiteral('kind', {
  a: (a: { kind: 'a'; n: number }) => a.n,
  b: (b: { kind: 'b'; s: string }) => b.s,
})
const measured = shape({ kind: 'a', n: 1 })
export type Nested = [Expect<Equal<typeof zips, { zip: string }[]>>, Expect<Equal<typeof measured, string | number>>]
// @ts-expect-error no such version
nested(address, '1.0.0', '9.0.0')
// @ts-expect-error a kind without a function
shape({ kind: 'c' })
