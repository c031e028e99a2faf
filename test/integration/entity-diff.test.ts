import 'reflect-metadata'
import { IsEmail, IsInt, IsOptional, IsString, MaxLength } from 'class-validator'
import { Column, Entity, ManyToOne, PrimaryColumn } from 'typeorm'
import { expect } from 'vitest'
import { entityJsonSchema } from '../../src/adapters/typeorm/index.js'
import { defineVersions, diffMarkdown, diffSchemas, jsonSchema, proposeStep } from '../../src/index.js'
import { typeormTest } from '../support/databases.js'

/* Entities compared with versions and with each other, by what TypeORM knows of their columns. */

class Address {
  @Column('varchar', { length: 50 }) city!: string
}

@Entity('person_v1')
class PersonV1 {
  @PrimaryColumn('int') id!: number
  @Column() name!: string
  @Column('varchar', { length: 100 }) mail!: string
  @Column('int', { nullable: true }) age!: number | null
  @Column('simple-enum', { enum: ['new', 'old'] }) state!: string
  @Column('simple-array') tags!: string[]
  @Column() isActive!: boolean
  @Column() since!: Date
  @Column(() => Address) home!: Address
}

@Entity('person_v2')
class PersonV2 {
  @PrimaryColumn('int') id!: number
  @Column() fullName!: string
  @Column('varchar', { length: 40 }) mail!: string
  @Column('int') age!: number
  @Column('simple-enum', { enum: ['new', 'old', 'gone'] }) state!: string
  @Column('simple-array') tags!: string[]
  @Column() isActive!: boolean
  @Column() since!: Date
  @Column(() => Address) home!: Address
  @Column('simple-json', { nullable: true }) options!: object | null
  @ManyToOne(() => PersonV1, { nullable: true }) parent!: PersonV1 | null
}

class PersonByRules {
  @IsInt() id!: number
  @IsString() fullName!: string
  @IsEmail() @MaxLength(40) mail!: string
  @IsOptional() @IsInt() age?: number
}

typeormTest('an entity says its rows, the same on every database', async (database) => {
  const dataSource = await database.connect({ entities: [PersonV1, PersonV2], synchronize: true } as never)
  const names = ['id', 'name', 'mail', 'age', 'state', 'tags', 'isActive', 'since', 'home']
  expect(entityJsonSchema(dataSource, PersonV1)).toMatchObject({
    title: 'PersonV1',
    required: names,
    properties: {
      id: { type: 'integer' },
      name: { type: 'string' },
      mail: { type: 'string', maxLength: 100 },
      age: { type: ['integer', 'null'] },
      state: { enum: ['new', 'old'] },
      tags: { type: 'array', items: { type: 'string' } },
      isActive: { type: 'boolean' },
      since: { type: 'string', format: 'date-time' },
      home: { type: 'object', properties: { city: { type: 'string', maxLength: 50 } }, required: ['city'] },
    },
  })
  expect(Object.keys(entityJsonSchema(dataSource, PersonV2).properties!)).not.toContain('parent')
})

typeormTest('two entities, and a version with an entity, are compared', async (database) => {
  const dataSource = await database.connect({ entities: [PersonV1, PersonV2], synchronize: true } as never)
  const now = entityJsonSchema(dataSource, PersonV2)
  const diff = diffSchemas(entityJsonSchema(dataSource, PersonV1), now)
  expect(diff.removed.map(({ field }) => field)).toEqual(['name'])
  expect(diff.added.map(({ field }) => field)).toEqual(['fullName', 'options'])
  expect(diff.renames).toMatchObject([{ from: 'name', to: 'fullName' }])
  expect(diff.isBreaking).toBe(true)
  expect(diff.changed).toEqual([
    { field: 'mail', kind: 'constraint', before: 'maxLength 100', after: 'maxLength 40', isBreaking: true },
    { field: 'age', kind: 'type', before: 'integer | null', after: 'integer', isBreaking: true },
    {
      field: 'state',
      kind: 'constraint',
      before: 'enum ["new","old"]',
      after: 'enum ["new","old","gone"]',
      isBreaking: false,
    },
  ])
  const told = { ...diff, name: 'Person', from: '1.0.0', to: '2.0.0', hasPath: false }
  expect(diffMarkdown(told)).toContain('| `age` | type | integer \\| null | integer | **breaking** |')
  expect(proposeStep(told)).toContain('fullName: row.name, // probably "name" under another name')

  const person = defineVersions('Person').version('1.0.0', PersonByRules)
  const fromRules = diffSchemas(jsonSchema(person, '1.0.0'), now)
  expect(fromRules.added.map(({ field }) => field)).toContain('isActive')
  expect(fromRules.changed).toContainEqual({
    field: 'age',
    kind: 'type',
    before: 'integer | null',
    after: 'integer',
    isBreaking: true,
  })
})
