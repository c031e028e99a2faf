import 'reflect-metadata'
import { plainToInstance } from 'class-transformer'
import { IsString, validateSync } from 'class-validator'
import { defineVersions, upgrade } from 'rowshift'
import { type Measure, measure } from './measure.js'

class UserV1 {
  @IsString()
  name!: string
}
class UserV2 {
  @IsString()
  firstName!: string

  @IsString()
  lastName!: string
}

function split({ name }: { name: string }) {
  const at = name.indexOf(' ')
  return at < 0 ? { firstName: name, lastName: '' } : { firstName: name.slice(0, at), lastName: name.slice(at + 1) }
}

const byClasses = defineVersions('User')
  .version('1.0.0', UserV1)
  .version('2.0.0', UserV2, upgrade(UserV1, UserV2, split))
const byColumns = defineVersions('User')
  .version('1.0.0', { name: 'text' })
  .version('2.0.0', { firstName: 'text', lastName: 'text' }, { upgrade: split })

const plainCount = 200_000
const validatedCount = 20_000
const unit = 'records'

/** A name split in two fields: plain, validated, and what the validating libraries need by themselves. */
export async function records(): Promise<readonly Measure[]> {
  const people = Array.from({ length: plainCount }, (_, i) => ({ name: `First${i} Last${i}` }))
  const few = people.slice(0, validatedCount)
  const already = few.map(split)
  const plain = { from: '1.0.0', as: 'plain' } as const
  return [
    await measure('plain, columns', { unit, count: plainCount }, () => byColumns.convertAll(people, plain)),
    await measure('plain, classes', { unit, count: plainCount }, () => byClasses.convertAll(people, plain)),
    await measure('plain, streamed', { unit, count: plainCount }, async () => {
      for await (const _ of byColumns.convertStream(people, plain));
    }),
    await measure('validated, columns', { unit, count: plainCount }, () =>
      byColumns.convertAll(people, { from: '1.0.0' }),
    ),
    await measure('validated, classes', { unit, count: validatedCount }, () =>
      byClasses.convertAll(few, { from: '1.0.0' }),
    ),
    await measure('class-transformer + class-validator alone', { unit, count: validatedCount }, () => {
      for (const row of already) validateSync(plainToInstance(UserV2, row))
    }),
  ]
}
