import { testChange } from '../support/generated-change.js'

/*
 * Changes of entities, each generated, run on tables with rows, compared, reverted and compared again. An entity's `v1` and `v2`
 * are the classes as an application has them; what is written by `rowshift generate` is run by TypeORM.
 */

testChange({
  title: 'adds a required column, filled by the upgrade',
  versions: {
    city: `export const city = defineVersions('City')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text', slug: 'text' }, { upgrade: (row) => ({ slug: row.name.toLowerCase() }) })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class City { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 100 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: city })
export class City { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 100 }) name!: string; @Column({ length: 100 }) slug!: string }`,
  rows: {
    city: [
      { id: 1, name: 'Porto' },
      { id: 2, name: 'Faro' },
    ],
  },
  expected: {
    city: [
      { id: 1, name: 'Porto', slug: 'porto' },
      { id: 2, name: 'Faro', slug: 'faro' },
    ],
  },
})

testChange({
  title: 'splits a column into two, and joins them again',
  versions: {
    person: `export const person = defineVersions('Person')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', first: 'text', last: 'text' }, {
    upgrade: (row) => ({ first: row.name.split(' ')[0]!, last: row.name.split(' ')[1]! }),
    downgrade: (row) => ({ name: \`\${row.first} \${row.last}\` }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Person { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 100 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: person })
export class Person { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 50 }) first!: string; @Column({ length: 50 }) last!: string }`,
  rows: {
    person: [
      { id: 1, name: 'Ada Lovelace' },
      { id: 2, name: 'Alan Turing' },
    ],
  },
  expected: {
    person: [
      { id: 1, first: 'Ada', last: 'Lovelace' },
      { id: 2, first: 'Alan', last: 'Turing' },
    ],
  },
})

testChange({
  title: 'renames a column without touching a row',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Book { @PrimaryColumn({ type: 'integer' }) id!: number; @Index() @Column({ length: 100 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Book { @PrimaryColumn({ type: 'integer' }) id!: number; @Index() @Column({ length: 100 }) title!: string }`,
  args: ['--rename', 'name:title'],
  rows: { book: [{ id: 1, name: 'Dune' }] },
  expected: { book: [{ id: 1, title: 'Dune' }] },
})

testChange({
  title: 'changes a type through a column beside it, and back',
  versions: {
    item: `export const item = defineVersions('Item')
  .version('1.0.0', { id: 'integer', price: 'text' })
  .version('2.0.0', { id: 'integer', price: 'integer' }, {
    upgrade: (row) => ({ price: Math.round(Number(row.price) * 100) }),
    downgrade: (row) => ({ price: (row.price / 100).toFixed(2) }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Item { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ length: 20 }) price!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: item })
export class Item { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ type: 'integer' }) price!: number }`,
  rows: {
    item: [
      { id: 1, price: '12.50' },
      { id: 2, price: '0.99' },
    ],
  },
  expected: {
    item: [
      { id: 1, price: 1250 },
      { id: 2, price: 99 },
    ],
  },
})
