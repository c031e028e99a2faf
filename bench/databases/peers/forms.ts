import { defineBackfill, sql } from 'rowshift'
import type { Arena, Peer } from '../arena.js'
import { slugOf, slugSql } from '../city-table.js'
import { peer } from './rowshift.js'

/* Rows that are created and rows that go: rowshift against one statement in SQL. */

const inOneStatement = (name: string, statementOn: (arena: Arena) => string): Peer => ({
  name,
  prepare: async (arena) => ({
    async run() {
      await arena.dataSource.query(statementOn(arena))
    },
  }),
})

export const insertSelect = inOneStatement(
  'INSERT ... SELECT',
  () => `insert into place (id, name, slug) select id, name, ${slugSql} from city`,
)

/** Exactly once after any crash, with the slug computed in JavaScript. */
export const rowshiftInsert = peer('rowshift, insert form', (batchRows) =>
  defineBackfill.insert({
    name: 'city.places',
    table: 'city',
    select: { id: 'bigint', name: 'text' },
    where: sql`not exists (select 1 from place where place.id = city.id limit 1 offset 0)`,
    into: 'place',
    write: { id: 'bigint', name: 'text', slug: 'text' },
    batchRows,
    transform: ({ id, name }) => ({ id, name, slug: slugOf(name) }),
  }),
)

export const deleteUsing = inOneStatement('DELETE ... USING', ({ database }) => {
  const isOther = 'other.email = member.email and other.id < member.id'
  return {
    postgres: `delete from member using member other where ${isOther}`,
    mariadb: `delete member from member join member other on ${isOther}`,
    // It has no USING.
    sqlite: `delete from member where exists (select 1 from member other where ${isOther})`,
  }[database.name]
})

export const rowshiftDedupe = peer('rowshift, dedupe form', (batchRows) =>
  defineBackfill.dedupe({
    name: 'member.same',
    table: 'member',
    by: ['email'],
    keep: { first: 'id' },
    repoint: {},
    batchRows,
  }),
)
