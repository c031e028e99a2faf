import * as v from 'valibot'
import { z } from 'zod'
import { defineVersions, downgrade, field, upgrade } from '../../src/index.js'
import type { Equal, Expect } from './expect.js'

class UserV1 {
  name!: string
}
class UserV2 {
  firstName!: string
  nick?: string
  greet(): string {
    return this.firstName
  }
}

/** Shapes of every kind in one history, each step typed by its two ends. */
const user = defineVersions('User')
  .version('1.0.0', UserV1)
  .version(
    '2.0.0',
    UserV2,
    upgrade(UserV1, UserV2, (row) => {
      type _Given = Expect<Equal<typeof row.name, string>>
      return { firstName: row.name }
    }),
    downgrade(UserV2, UserV1, (row) => ({ name: row.firstName })),
  )
  .version('3.0.0', z.object({ firstName: z.string(), kind: z.string().default('user') }))
  .version('4.0.0', v.object({ firstName: v.string(), age: v.number() }), { upgrade: () => ({ age: 0 }) })
  .version('5.0.0', {
    first: field('text', { alias: ['firstName', 'forename'] }),
    age: 'double',
    role: field(['admin', 'user'], { fallback: 'user' }),
  })

const instance = user.convert({ name: 'Ada' }, { from: '1.0.0', to: '2.0.0' })
const plain = user.convert({ name: 'Ada' }, { from: '1.0.0', to: '2.0.0', as: 'plain' })
const parsed = user.convert({ name: 'Ada' }, { from: '1.0.0', to: '3.0.0' })
const unparsed = user.convert({ name: 'Ada' }, { from: '1.0.0', to: '3.0.0', as: 'plain' })
const latest = user.convert({ name: 'Ada' }, { from: '1.0.0' })
const all = user.convertAll([{ name: 'Ada' }], { from: '1.0.0', to: '2.0.0' })
const collected = user.convertAll([{ name: 'Ada' }], { from: '1.0.0', to: '2.0.0', onError: 'collect' })
const told = user.convertAll([{ name: 'Ada' }], {
  from: '1.0.0',
  to: '2.0.0',
  onError: ({ index }) => console.log(index),
})

const inThreads = user.convertAll([{ name: 'Ada' }], { from: '1.0.0', to: '2.0.0', parallel: true })
const collectedInThreads = user.convertAll([{ name: 'Ada' }], {
  from: '1.0.0',
  to: '2.0.0',
  onError: 'collect',
  parallel: { workers: 2 },
})
// @ts-expect-error a function cannot be sent to a thread: its module is named
user.convertAll([{ name: 'Ada' }], { from: '1.0.0', parallel: { module: () => user } })

/** Both ends are inferred; `to` is the latest version where it is left out. */
export type Results = [
  Expect<Equal<typeof instance, UserV2>>,
  Expect<Equal<typeof plain, { firstName: string; nick?: string }>>,
  Expect<Equal<typeof parsed, { firstName: string; kind: string }>>,
  Expect<Equal<typeof unparsed, { firstName: string; kind?: string | undefined }>>,
  Expect<Equal<typeof latest, { first: string; age: number; role: 'admin' | 'user' }>>,
  Expect<Equal<typeof all, UserV2[]>>,
  Expect<Equal<typeof collected.records, UserV2[]>>,
  Expect<Equal<typeof told, UserV2[]>>,
  Expect<Equal<typeof inThreads, Promise<UserV2[]>>>,
  Expect<Equal<Awaited<typeof collectedInThreads>['records'], UserV2[]>>,
  Expect<Equal<typeof user.latest, '5.0.0'>>,
]

export async function streams(): Promise<void> {
  for await (const one of user.convertStream([{ name: 'Ada' }], { from: '1.0.0', to: '2.0.0' })) {
    type _Given = Expect<Equal<typeof one, UserV2>>
    console.log(one)
  }
  // @ts-expect-error another version's record
  user.convertStream([{ firstName: 'Ada' }], { from: '1.0.0' })
  // @ts-expect-error no such version
  user.path('1.0.0', '9.0.0')
}

const old = defineVersions('A').version('1.0.0', { id: 'integer' })
const unknownAlias = { no: field('text', { alias: 'name' }) } as const
// @ts-expect-error an alias that the version before does not have fills nothing
old.version('2.0.0', unknownAlias)
// @ts-expect-error a fallback of another type
field('integer', { fallback: 'one' })
// @ts-expect-error a fallback that the list does not have
field(['a', 'b'], { fallback: 'c' })

/** A row inside a row goes through the same step. */
type Tree = { children: Tree[]; name: string }
type TitledTree = { children: TitledTree[]; title: string }
declare const treeV1: abstract new () => Tree
declare const treeV2: abstract new () => TitledTree
export const tree = upgrade(treeV1, treeV2, (row, self) => ({ title: row.name, children: row.children.map(self) }))
