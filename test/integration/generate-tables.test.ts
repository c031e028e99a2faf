import { testChange } from '../support/generated-change.js'

/* Changes of constraints, of several tables, and of entities that are no plain table. */

const id = `@PrimaryColumn({ type: 'integer' }) id!: number;`

testChange({
  title: 'makes a present column unique',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Account { ${id} @Column({ length: 50 }) email!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Account { ${id} @Column({ length: 50, unique: true }) email!: string }`,
  rows: { account: [{ id: 1, email: 'a@b' }] },
  expected: { account: [{ id: 1, email: 'a@b' }] },
})

testChange({
  title: 'makes two columns unique together, one of them new',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Seat { ${id} @Column({ type: 'integer' }) row!: number }`,
  after: `@Entity() @Unique(['row', 'place']) @SchemaVersion('2.0.0')
export class Seat { ${id} @Column({ type: 'integer' }) row!: number; @Column({ type: 'integer' }) place!: number }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ place: row.id })']],
  rows: {
    seat: [
      { id: 1, row: 1 },
      { id: 2, row: 1 },
    ],
  },
  expected: {
    seat: [
      { id: 1, row: 1, place: 1 },
      { id: 2, row: 1, place: 2 },
    ],
  },
})

testChange({
  title: 'adds an index and drops another',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Log { ${id} @Index() @Column({ length: 50 }) kind!: string; @Column({ type: 'integer' }) at!: number }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Log { ${id} @Column({ length: 50 }) kind!: string; @Index() @Column({ type: 'integer' }) at!: number }`,
  rows: { log: [{ id: 1, kind: 'a', at: 5 }] },
  expected: { log: [{ id: 1, kind: 'a', at: 5 }] },
})

testChange({
  title: 'no longer asks that a column is unique',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Phone { ${id} @Index({ unique: true }) @Column({ length: 50 }) number!: string }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Phone { ${id} @Column({ length: 50 }) number!: string }`,
  rows: { phone: [{ id: 1, number: '1' }] },
  expected: { phone: [{ id: 1, number: '1' }] },
})

testChange({
  title: 'adds a check that the filled rows pass',
  only: ['sqlite', 'postgres'],
  before: `@Entity() @SchemaVersion('1.0.0')
export class Offer { ${id} @Column({ type: 'integer' }) cents!: number }`,
  after: `@Entity() @Check('vat_positive', '"vat" > 0') @SchemaVersion('2.0.0')
export class Offer { ${id} @Column({ type: 'integer' }) cents!: number; @Column({ type: 'integer' }) vat!: number }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ vat: row.cents * 2 })']],
  rows: { offer: [{ id: 1, cents: 50 }] },
  expected: { offer: [{ id: 1, cents: 50, vat: 100 }] },
})

const team = `@Entity() @SchemaVersion('1.0.0')
export class Team { ${id} @Column({ length: 20 }) name!: string }
`

testChange({
  title: 'adds a foreign key to rows that are there',
  before: `${team}@Entity() @SchemaVersion('1.0.0')
export class Player { ${id} @Column({ type: 'integer' }) teamId!: number }`,
  after: `${team}@Entity() @SchemaVersion('1.1.0')
export class Player { ${id} @Column({ type: 'integer' }) teamId!: number; @ManyToOne(() => Team) @JoinColumn({ name: 'teamId' }) team!: Team }`,
  rows: { team: [{ id: 7, name: 'Red' }], player: [{ id: 1, teamId: 7 }] },
  expected: { team: [{ id: 7, name: 'Red' }], player: [{ id: 1, teamId: 7 }] },
})

testChange({
  title: 'adds a required foreign key whose values the backfill writes',
  before: `${team}@Entity() @SchemaVersion('1.0.0')
export class Fan { ${id} @Column({ type: 'integer' }) shirt!: number }`,
  after: `${team}@Entity() @SchemaVersion('2.0.0')
export class Fan { ${id} @Column({ type: 'integer' }) shirt!: number; @ManyToOne(() => Team, { nullable: false }) team!: Team }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ teamId: row.shirt })']],
  rows: { team: [{ id: 7, name: 'Red' }], fan: [{ id: 1, shirt: 7 }] },
  expected: { team: [{ id: 7, name: 'Red' }], fan: [{ id: 1, shirt: 7, teamId: 7 }] },
})

testChange({
  title: 'adds a foreign key to rows that the migration creates in a new table',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Fan { ${id} @Column({ type: 'integer' }) shirt!: number }`,
  after: `${team}@Entity() @SchemaVersion('2.0.0')
export class Fan { ${id} @Column({ type: 'integer' }) shirt!: number; @ManyToOne(() => Team, { nullable: false }) team!: Team }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ teamId: row.shirt })']],
  edit: [
    [
      'await backfill(',
      `await queryRunner.query("insert into team (id, name) select distinct shirt, 'x' from fan")
    await backfill(`,
    ],
  ],
  rows: {
    fan: [
      { id: 1, shirt: 7 },
      { id: 2, shirt: 7 },
    ],
  },
  expected: {
    team: [{ id: 7, name: 'x' }],
    fan: [
      { id: 1, shirt: 7, teamId: 7 },
      { id: 2, shirt: 7, teamId: 7 },
    ],
  },
})

testChange({
  title: 'moves a column to another table',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Member { ${id} @Column({ length: 20 }) bio!: string }
@Entity() @SchemaVersion('1.0.0')
export class Profile { ${id} @Column({ type: 'integer' }) memberId!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Member { ${id} }
@Entity() @SchemaVersion('2.0.0')
export class Profile { ${id} @Column({ type: 'integer' }) memberId!: number; @Column({ length: 20 }) bio!: string }`,
  fill: [
    [/import .*/, "import { defineBackfill, sql } from 'rowshift'"],
    [
      /defineBackfill\(\{[\s\S]*\}\)/,
      `defineBackfill.sql({
  name: 'profile@2.0.0', table: 'profile', where: { bio: null }, reverse: 'not-needed',
  set: { bio: sql\`(select m.bio from member m where m.id = \${sql.id('memberId')})\` },
})`,
    ],
  ],
  rows: { member: [{ id: 1, bio: 'x' }], profile: [{ id: 5, memberId: 1 }] },
  expected: { member: [{ id: 1 }], profile: [{ id: 5, memberId: 1, bio: 'x' }] },
  reverted: 'irreversible',
})

testChange({
  title: 'creates a table beside the ones that are there',
  before: team,
  after: `${team}@Entity() @SchemaVersion('1.0.0')
export class Coach { ${id} @Index() @Column({ length: 20 }) name!: string; @ManyToOne(() => Team) team!: Team }`,
  rows: { team: [{ id: 7, name: 'Red' }] },
  expected: { team: [{ id: 7, name: 'Red' }], coach: [] },
})

testChange({
  title: 'creates the tables of a many-to-many relation and of a tree',
  before: `${team}@Entity() @SchemaVersion('1.0.0')
export class Topic { ${id} }`,
  after: `@Entity() @SchemaVersion('1.1.0')
export class Team { ${id} @Column({ length: 20 }) name!: string; @ManyToMany(() => Topic) @JoinTable() topics!: Topic[] }
@Entity() @Tree('closure-table') @SchemaVersion('1.1.0')
export class Topic { ${id} @TreeChildren() parts!: Topic[]; @TreeParent() whole!: Topic | null }`,
  rows: { team: [{ id: 7, name: 'Red' }], topic: [{ id: 1 }] },
  expected: {
    team: [{ id: 7, name: 'Red' }],
    topic: [{ id: 1, wholeId: null }],
    team_topics_topic: [],
    topic_closure: [],
  },
})

testChange({
  title: 'fills a column of an embedded entity',
  versions: {
    shop: `export const shop = defineVersions('Shop')
  .version('1.0.0', { id: 'integer', 'address.street': 'text' })
  .version('2.0.0', { id: 'integer', 'address.street': 'text', 'address.city': 'text' }, {
    upgrade: (row) => ({ 'address.city': row['address.street'].split(', ')[1]! }),
  })
`,
  },
  before: `class Address { @Column({ length: 50 }) street!: string }
@Entity() @SchemaVersion('1.0.0')
export class Shop { ${id} @Column(() => Address) address!: Address }`,
  after: `class Address { @Column({ length: 50 }) street!: string; @Column({ length: 50 }) city!: string }
@Entity() @SchemaVersion('2.0.0', { of: shop })
export class Shop { ${id} @Column(() => Address) address!: Address }`,
  rows: { shop: [{ id: 1, addressStreet: 'Rua 1, Porto' }] },
  expected: { shop: [{ id: 1, addressStreet: 'Rua 1, Porto', addressCity: 'Porto' }] },
})

testChange({
  title: 'fills a column of a table that several classes share',
  before: `@Entity() @TableInheritance({ column: { type: 'varchar', length: 20, name: 'kind' } }) @SchemaVersion('1.0.0')
export class Animal { ${id} @Column({ length: 20 }) name!: string }
@ChildEntity() export class Dog extends Animal { @Column({ type: 'integer' }) barks!: number }`,
  after: `@Entity() @TableInheritance({ column: { type: 'varchar', length: 20, name: 'kind' } }) @SchemaVersion('2.0.0')
export class Animal { ${id} @Column({ length: 20 }) name!: string; @Column({ type: 'integer' }) size!: number }
@ChildEntity() export class Dog extends Animal { @Column({ type: 'integer' }) barks!: number; @Column({ type: 'integer' }) bites!: number }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ size: row.name.length })']],
  rows: { animal: [{ id: 1, name: 'Rex', kind: 'Dog', barks: 3 }] },
  expected: { animal: [{ id: 1, name: 'Rex', kind: 'Dog', barks: 3, size: 3, bites: null }] },
})

testChange({
  title: 'fills a column of a table with a key of two columns',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Grade { @PrimaryColumn({ type: 'integer' }) pupil!: number; @PrimaryColumn({ length: 20 }) subject!: string; @Column({ type: 'integer' }) points!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Grade { @PrimaryColumn({ type: 'integer' }) pupil!: number; @PrimaryColumn({ length: 20 }) subject!: string; @Column({ type: 'integer' }) points!: number; @Column({ length: 1 }) mark!: string }`,
  fill: [[/toBeWritten\(.*\)/, "(row) => ({ mark: row.points > 50 ? 'A' : 'B' })"]],
  rows: {
    grade: [
      { pupil: 1, subject: 'art', points: 40 },
      { pupil: 1, subject: 'math', points: 90 },
    ],
  },
  expected: {
    grade: [
      { pupil: 1, subject: 'art', points: 40, mark: 'B' },
      { pupil: 1, subject: 'math', points: 90, mark: 'A' },
    ],
  },
})

testChange({
  title: 'makes a present column part of the key',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Stock { @PrimaryColumn({ type: 'integer' }) item!: number; @Column({ type: 'integer' }) place!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Stock { @PrimaryColumn({ type: 'integer' }) item!: number; @PrimaryColumn({ type: 'integer' }) place!: number }`,
  rows: { stock: [{ item: 1, place: 7 }] },
  expected: { stock: [{ item: 1, place: 7 }] },
})

testChange({
  title: 'makes a column part of the key that the backfill fills',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Price { @PrimaryColumn({ type: 'integer' }) item!: number; @Column({ type: 'integer' }) cents!: number }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Price { @PrimaryColumn({ type: 'integer' }) item!: number; @PrimaryColumn({ length: 3 }) currency!: string; @Column({ type: 'integer' }) cents!: number }`,
  fill: [[/toBeWritten\(.*\)/, "() => ({ currency: 'EUR' })"]],
  rows: { price: [{ item: 1, cents: 7 }] },
  expected: { price: [{ item: 1, cents: 7, currency: 'EUR' }] },
})

testChange({
  title: 'changes two tables in one migration',
  before: `@Entity() @SchemaVersion('1.0.0')
export class Cat { ${id} @Column({ length: 20 }) name!: string }
@Entity() @SchemaVersion('1.0.0')
export class Cow { ${id} @Column({ length: 20 }) name!: string }`,
  after: `@Entity() @SchemaVersion('2.0.0')
export class Cat { ${id} @Column({ length: 20 }) name!: string; @Column({ length: 20 }) nick!: string }
@Entity() @SchemaVersion('2.0.0')
export class Cow { ${id} @Column({ length: 20 }) name!: string; @Column({ length: 20 }) nick!: string }`,
  fill: [[/toBeWritten\(.*\)/, '(row) => ({ nick: row.name[0]! })']],
  rows: { cat: [{ id: 1, name: 'Tom' }], cow: [{ id: 1, name: 'Elsa' }] },
  expected: { cat: [{ id: 1, name: 'Tom', nick: 'T' }], cow: [{ id: 1, name: 'Elsa', nick: 'E' }] },
})

testChange({
  title: 'takes names apart that need quotes',
  before: `@Entity('order item') @SchemaVersion('1.0.0')
export class OrderItem { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ name: 'unit price', type: 'integer' }) price!: number }`,
  after: `@Entity('order item') @SchemaVersion('2.0.0')
export class OrderItem { @PrimaryColumn({ type: 'integer' }) id!: number; @Column({ name: 'unit price', type: 'integer' }) price!: number; @Column({ name: 'total price', type: 'integer' }) total!: number }`,
  fill: [[/toBeWritten\(.*\)/, "(row) => ({ 'total price': row['unit price'] * 2 })"]],
  rows: { 'order item': [{ id: 1, 'unit price': 4 }] },
  expected: { 'order item': [{ id: 1, 'unit price': 4, 'total price': 8 }] },
})
