import { expect, onTestFinished } from 'vitest'
import { openAdapter } from '../../src/adapters/prisma/database.js'
import { prismaModels } from '../../src/adapters/prisma/index.js'
import type { Model } from '../../src/backfill/definition/columns.js'
import { definitionOf } from '../../src/backfill/definition/definition.js'
import { defineBackfill } from '../../src/index.js'
import { planRun } from '../../src/runs/plan/plan-run.js'
import { runInForeground } from '../../src/runs/run-in-foreground.js'
import { bulkClients } from '../support/bulk-cities.js'
import { createCities } from '../support/city-table.js'
import { prismaTestOn } from '../support/databases.js'
import { adapterFor } from '../support/prisma/prisma-beside.js'

interface Note {
  readonly id: string
  readonly tag: string
  readonly body: string | null
  readonly v: string | null
}

const { note } = prismaModels() as unknown as { readonly note: Model<Note> }

const notes = defineBackfill.insert({
  name: 'city.notes',
  table: 'city',
  select: { id: 'integer', name: 'text' },
  into: note,
  write: { id: true, tag: true, v: true },
  onConflict: { key: ['tag'], do: 'skip' },
  transform: ({ id, name }) => ({ id: `note ${id}`, tag: name, v: null }),
})

prismaTestOn(
  ['sqlite', 'postgres', 'mariadb'],
  'creates rows of a model, by the names of its schema, as its plan says',
  async (database) => {
    const dataSource = await database.connect()
    await createCities(dataSource, database.name, 3)
    await dataSource.query(
      'create table note (id varchar(36) not null primary key, tag varchar(36) not null unique, body text, changed timestamp, v varchar(32))'.replace(
        'changed timestamp',
        database.name === 'mariadb' ? 'changed datetime' : 'changed timestamp',
      ),
    )
    const { registry } = await bulkClients(database.name)
    const port = await openAdapter(await adapterFor(dataSource), registry)
    onTestFinished(() => port.close())
    expect(await planRun(port, definitionOf(notes), { sampleRows: 1 })).toMatchObject({
      into: 'note',
      writes: [{ name: 'id' }, { name: 'tag' }, { name: 'v' }],
      sample: [{ after: {}, creates: [{ id: 'note 1', tag: 'City 1', v: null }] }],
    })
    expect(await runInForeground({ database: port, definition: definitionOf(notes) })).toMatchObject({
      status: 'completed',
      counts: { written: 3 },
    })
    expect(await dataSource.query('select id, tag, body from note order by id')).toEqual(
      [1, 2, 3].map((id) => ({ id: `note ${id}`, tag: `City ${id}`, body: null })),
    )
  },
)
