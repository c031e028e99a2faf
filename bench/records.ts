import { plainToInstance } from 'class-transformer'
import { validateSync } from 'class-validator'
import { type Measure, measure } from './measure.js'
import { byClasses, byColumns, split, UserV2 } from './people.js'

const plainCount = 200_000
const validatedCount = 20_000

/** How much is converted where that is not the same in every run. */
export interface ConversionExtent {
  /** Records for one thread against several, which need a second to start. */
  readonly threadedRecords: number
  readonly rounds: number
  /** Of one thread against several. */
  readonly threadedRounds: number
}

/** A name split in two fields: plain, validated, in threads, and what the validating libraries need by themselves. */
export async function records({
  threadedRecords,
  rounds,
  threadedRounds,
}: ConversionExtent): Promise<readonly Measure[]> {
  const people = Array.from({ length: plainCount }, (_, i) => ({ name: `First${i} Last${i}` }))
  const few = people.slice(0, validatedCount)
  const many = Array.from({ length: threadedRecords }, (_, i) => people[i % plainCount]!)
  const already = few.map(split)
  const from = '1.0.0'
  const plain = { from, as: 'plain' } as const
  const of = (count: number, name: string, round: () => unknown) => ({ name, unit: 'records', count, round })
  return [
    ...(await measure(
      [
        of(plainCount, 'plain, columns', () => byColumns.convertAll(people, plain)),
        of(plainCount, 'plain, classes', () => byClasses.convertAll(people, plain)),
        of(plainCount, 'plain, streamed', async () => {
          for await (const _ of byColumns.convertStream(people, plain));
        }),
        of(plainCount, 'validated, columns', () => byColumns.convertAll(people, { from })),
      ],
      rounds,
    )),
    ...(await measure(
      [
        of(validatedCount, 'validated, classes', () => byClasses.convertAll(few, { from })),
        of(validatedCount, 'class-transformer + class-validator alone', () => {
          for (const row of already) validateSync(plainToInstance(UserV2, row))
        }),
        of(validatedCount, 'the step, class-transformer, class-validator by hand', () => {
          const users: UserV2[] = []
          for (const person of few) {
            const user = plainToInstance(UserV2, split(person))
            if (validateSync(user).length === 0) users.push(user)
          }
        }),
      ],
      rounds,
    )),
    // Each round starts its threads anew, and counts that.
    ...(await measure(
      [
        of(threadedRecords, 'validated, classes, one thread', () => byClasses.convertAll(many, { from })),
        of(threadedRecords, 'validated, classes, parallel', () => byClasses.convertAll(many, { from, parallel: true })),
      ],
      threadedRounds,
    )),
  ]
}
