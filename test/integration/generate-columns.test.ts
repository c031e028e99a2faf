import { testChange } from '../support/generated-change.js'

/* Changes of single columns. What a change is made of: test/support/generated-change.ts */

const id = `@PrimaryColumn({ type: 'integer' }) id!: number;`

testChange({
  title: 'fills a required column by a function written in place of the stub',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Town { ${id} @Column({ length: 100 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Town { ${id} @Column({ length: 100 }) name!: string; @Column({ type: 'integer' }) letters!: number }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ letters: row.name.length })']],
  rows: { town: [{ id: 1, name: 'Braga' }] },
  expected: { town: [{ id: 1, name: 'Braga', letters: 5 }] },
})

testChange({
  title: 'makes a new unique value free, whatever the rows have',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Place { ${id} @Column({ length: 100 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Place { ${id} @Column({ length: 100 }) name!: string; @Column({ length: 100, unique: true }) slug!: string }`,
  fill: [
    [
      /toBeWritten\(.*\)/,
      "(row) => ({ slug: row.name.toLowerCase() }),\n  unique: { slug: (slug, n) => slug + '-' + n }",
    ],
  ],
  rows: {
    place: [
      { id: 1, name: 'Santa Cruz' },
      { id: 2, name: 'Santa Cruz' },
    ],
  },
  expected: {
    place: [
      { id: 1, name: 'Santa Cruz', slug: 'santa cruz' },
      { id: 2, name: 'Santa Cruz', slug: 'santa cruz-2' },
    ],
  },
})

testChange({
  title: 'adds a column that may be NULL, without a backfill',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Note { ${id} @Column({ length: 100 }) body!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Note { ${id} @Column({ length: 100 }) body!: string; @Column({ type: 'varchar', length: 9, nullable: true }) tag!: string | null }`,
  rows: { note: [{ id: 1, body: 'x' }] },
  expected: { note: [{ id: 1, body: 'x', tag: null }] },
})

testChange({
  title: 'adds a required column with a default, without a backfill',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Task { ${id} @Column({ length: 100 }) body!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Task { ${id} @Column({ length: 100 }) body!: string; @Column({ type: 'integer', default: 3 }) priority!: number }`,
  rows: { task: [{ id: 1, body: 'x' }] },
  expected: { task: [{ id: 1, body: 'x', priority: 3 }] },
})

testChange({
  title: 'merges two columns into JSON, and takes them out again',
  versions: {
    point: `export const point = defineVersions('Point')
  .version('1.0.0', { id: 'integer', x: 'integer', y: 'integer' })
  .version('2.0.0', { id: 'integer', at: json<{ x: number; y: number }>() }, {
    upgrade: (row) => ({ at: { x: row.x, y: row.y } }),
    downgrade: (row) => ({ x: row.at.x, y: row.at.y }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Point { ${id} @Column({ type: 'integer' }) x!: number; @Column({ type: 'integer' }) y!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: point })
export class Point { ${id} @Column({ type: 'json' }) at!: { x: number; y: number } }`,
  rows: { point: [{ id: 1, x: 0, y: -4 }] },
  expected: { point: [{ id: 1, at: { x: 0, y: -4 } }] },
})

testChange({
  title: 'requires a column that had NULLs',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Visit { ${id} @Column({ type: 'varchar', length: 20, nullable: true }) reason!: string | null }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Visit { ${id} @Column({ length: 20 }) reason!: string }`,
  fill: [[/toBeWritten\(.*\)/, "() => ({ reason: 'unknown' })"]],
  rows: {
    visit: [
      { id: 1, reason: null },
      { id: 2, reason: 'flu' },
    ],
  },
  expected: {
    visit: [
      { id: 1, reason: 'unknown' },
      { id: 2, reason: 'flu' },
    ],
  },
  reverted: {
    visit: [
      { id: 1, reason: 'unknown' },
      { id: 2, reason: 'flu' },
    ],
  },
})

testChange({
  title: 'no longer requires a column',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Guest { ${id} @Column({ length: 20 }) phone!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Guest { ${id} @Column({ type: 'varchar', length: 20, nullable: true }) phone!: string | null }`,
  rows: { guest: [{ id: 1, phone: '1' }] },
  expected: { guest: [{ id: 1, phone: '1' }] },
})

testChange({
  title: 'makes a text longer in place',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Label { ${id} @Column({ length: 10 }) body!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Label { ${id} @Column({ length: 200 }) body!: string }`,
  rows: { label: [{ id: 1, body: 'ten chars.' }] },
  expected: { label: [{ id: 1, body: 'ten chars.' }] },
})

testChange({
  title: 'makes an integer wider in place',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Counter { ${id} @Column({ type: 'smallint' }) hits!: number }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Counter { ${id} @Column({ type: 'integer' }) hits!: number }`,
  rows: { counter: [{ id: 1, hits: 32767 }] },
  expected: { counter: [{ id: 1, hits: 32767 }] },
  isRewrittenOn: 'postgres',
})

testChange({
  title: 'makes a text shorter by the upgrade, and keeps nothing that was cut',
  versions: {
    code: `export const code = defineVersions('Code')
  .version('1.0.0', { id: 'integer', body: 'text' })
  .version('2.0.0', { id: 'integer', body: 'text' }, { upgrade: (row) => ({ body: row.body.slice(0, 3) }) })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Code { ${id} @Column({ length: 20 }) body!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: code })
export class Code { ${id} @Column({ length: 3 }) body!: string }`,
  rows: { code: [{ id: 1, body: 'abcdef' }] },
  expected: { code: [{ id: 1, body: 'abc' }] },
  reverted: 'irreversible',
})

testChange({
  title: 'changes a type where NULL stays NULL',
  versions: {
    vote: `export const vote = defineVersions('Vote')
  .version('1.0.0', { id: 'integer', weight: 'text?' })
  .version('2.0.0', { id: 'integer', weight: 'integer?' }, {
    upgrade: (row) => ({ weight: row.weight === null ? null : Number(row.weight) }),
    downgrade: (row) => ({ weight: row.weight === null ? null : String(row.weight) }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Vote { ${id} @Column({ type: 'varchar', length: 20, nullable: true }) weight!: string | null }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: vote })
export class Vote { ${id} @Column({ type: 'integer', nullable: true }) weight!: number | null }`,
  rows: {
    vote: [
      { id: 1, weight: '7' },
      { id: 2, weight: null },
    ],
  },
  expected: {
    vote: [
      { id: 1, weight: 7 },
      { id: 2, weight: null },
    ],
  },
})

testChange({
  title: 'drops a column, and says beforehand that it cannot come back',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Pet { ${id} @Column({ length: 20 }) name!: string; @Column({ type: 'integer' }) legs!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Pet { ${id} @Column({ length: 20 }) name!: string }`,
  rows: { pet: [{ id: 1, name: 'Rex', legs: 4 }] },
  expected: { pet: [{ id: 1, name: 'Rex' }] },
  reverted: 'irreversible',
})

testChange({
  title: 'drops a column that the versions say nothing of, and says beforehand that it cannot come back',
  versions: {
    toy: `export const toy = defineVersions('Toy')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text', slug: 'text' }, {
    upgrade: (row) => ({ slug: row.name.toLowerCase() }),
    downgrade: () => ({}),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Toy { ${id} @Column({ length: 20 }) name!: string; @Column({ type: 'integer' }) age!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: toy })
export class Toy { ${id} @Column({ length: 20 }) name!: string; @Column({ length: 20 }) slug!: string }`,
  rows: { toy: [{ id: 1, name: 'Car', age: 3 }] },
  expected: { toy: [{ id: 1, name: 'Car', slug: 'car' }] },
  reverted: 'irreversible',
})

testChange({
  title: 'renames one column and replaces another, and computes that one again',
  versions: {
    bird: `export const bird = defineVersions('Bird')
  .version('1.0.0', { id: 'integer', name: 'text', wing: 'integer' })
  .version('2.0.0', { id: 'integer', title: 'text', span: 'integer' }, {
    upgrade: (row) => ({ title: row.name, span: row.wing * 2 }),
    downgrade: (row) => ({ name: row.title, wing: row.span / 2 }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Bird { ${id} @Column({ length: 20 }) name!: string; @Column({ type: 'integer' }) wing!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: bird })
export class Bird { ${id} @Column({ length: 20 }) title!: string; @Column({ type: 'integer' }) span!: number }`,
  args: ['--rename', 'name:title'],
  rows: { bird: [{ id: 1, name: 'Owl', wing: 40 }] },
  expected: { bird: [{ id: 1, title: 'Owl', span: 80 }] },
})

testChange({
  title: 'goes over two versions at once, there and back',
  versions: {
    song: `export const song = defineVersions('Song')
  .version('1.0.0', { id: 'integer', name: 'text' })
  .version('2.0.0', { id: 'integer', name: 'text', slug: 'text' }, {
    upgrade: (row) => ({ slug: row.name.toLowerCase() }),
    downgrade: () => ({}),
  })
  .version('3.0.0', { id: 'integer', slug: 'text', size: 'integer' }, {
    upgrade: (row) => ({ size: row.slug.length }),
    downgrade: (row) => ({ name: row.slug.toUpperCase() }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Song { ${id} @Column({ length: 20 }) name!: string }`,
  after: `@Entity() @SchemaVersion('3.0.0', { of: song })
export class Song { ${id} @Column({ length: 20 }) slug!: string; @Column({ type: 'integer' }) size!: number }`,
  rows: { song: [{ id: 1, name: 'YESTERDAY' }] },
  expected: { song: [{ id: 1, slug: 'yesterday', size: 9 }] },
})

testChange({
  title: 'renames one column and adds another',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Film { ${id} @Column({ length: 20 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Film { ${id} @Column({ length: 20 }) title!: string; @Column({ type: 'integer' }) size!: number }`,
  args: ['--rename', 'film.name:title'],
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ size: row.name.length })']],
  rows: { film: [{ id: 1, name: 'Alien' }] },
  expected: { film: [{ id: 1, title: 'Alien', size: 5 }] },
})

testChange({
  title: 'changes a default',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Plan { ${id} @Column({ length: 20, default: 'free' }) kind!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Plan { ${id} @Column({ length: 20, default: 'trial' }) kind!: string }`,
  rows: { plan: [{ id: 1, kind: 'free' }] },
  expected: { plan: [{ id: 1, kind: 'free' }] },
})

testChange({
  title: 'allows a further value of an enum',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Bug { ${id} @Column({ type: 'simple-enum', enum: ['new', 'done'] }) state!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Bug { ${id} @Column({ type: 'simple-enum', enum: ['new', 'done', 'late'] }) state!: string }`,
  rows: { bug: [{ id: 1, state: 'new' }] },
  expected: { bug: [{ id: 1, state: 'new' }] },
})

testChange({
  title: 'replaces the values of an enum, and puts them back',
  versions: {
    post: `export const post = defineVersions('Post')
  .version('1.0.0', { id: 'integer', state: ['NEW', 'OLD'] })
  .version('2.0.0', { id: 'integer', state: ['draft', 'archived'] }, {
    upgrade: (row) => ({ state: row.state === 'OLD' ? 'archived' : 'draft' }),
    downgrade: (row) => ({ state: row.state === 'archived' ? 'OLD' : 'NEW' }),
  })
`,
  },
  before: `@Entity() @SchemaVersion('1.0.0')
export class Post { ${id} @Column({ type: 'simple-enum', enum: ['NEW', 'OLD'] }) state!: 'NEW' | 'OLD' }`,
  after: `@Entity() @SchemaVersion('2.0.0', { of: post })
export class Post { ${id} @Column({ type: 'simple-enum', enum: ['draft', 'archived'] }) state!: 'draft' | 'archived' }`,
  rows: {
    post: [
      { id: 1, state: 'NEW' },
      { id: 2, state: 'OLD' },
    ],
  },
  expected: {
    post: [
      { id: 1, state: 'draft' },
      { id: 2, state: 'archived' },
    ],
  },
})
