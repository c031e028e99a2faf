import type { DataSource } from 'typeorm'
import { defineBackfill } from '../../src/index.js'
import { bySql } from './by-sql.js'
import type { DatabaseName } from './test-database.js'

/** Forty people in groups of four; the first of each survives, and has four purchases at the end, which know their owner's email. */
export const samePeople = defineBackfill.dedupe({
  name: 'person.same',
  table: 'person',
  by: ['email'],
  keep: { first: 'id' },
  repoint: { purchase: 'person_id' },
  batchRows: 10,
  journal: true,
})

export const people = 40

export async function createSamePeople(dataSource: DataSource, name: DatabaseName): Promise<void> {
  const id = bySql(name, { sqlite: 'integer', postgres: 'bigint', mariadb: 'bigint' })
  await dataSource.query(`create table person (id ${id} primary key not null, email varchar(40) not null)`)
  await dataSource.query('create index person_email on person (email, id)')
  await dataSource.query(
    `create table purchase (id ${id} primary key not null, person_id ${id} not null, email varchar(40) not null, foreign key (person_id) references person (id))`,
  )
  const values = Array.from({ length: people }, (_, i) => `(${i + 1}, 'p${i % 10}')`)
  await dataSource.query(`insert into person (id, email) values ${values.join(', ')}`)
  await dataSource.query('insert into purchase (id, person_id, email) select id, id, email from person')
  await dataSource.query('create index purchase_person on purchase (person_id)')
}

/** Whether each purchase is its person's, or that of one who is the same; and how many there are of either. */
export async function ownersOf(
  dataSource: DataSource,
): Promise<{ readonly people: number; readonly purchases: number }> {
  const count = async (from: string) => {
    const [row] = await dataSource.query(`select count(*) as n from ${from}`)
    return Number(row.n)
  }
  return {
    people: await count('person'),
    purchases: await count('purchase c join person p on p.id = c.person_id and p.email = c.email'),
  }
}
