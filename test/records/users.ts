import { IsEmail, IsNotEmpty, IsString } from 'class-validator'
import { defineVersions, downgrade, upgrade } from '../../src/index.js'

export class UserV1 {
  @IsString()
  @IsNotEmpty()
  name!: string
}

export class UserV2 {
  @IsString()
  @IsNotEmpty()
  firstName!: string

  @IsString()
  lastName!: string

  fullName(): string {
    return `${this.firstName} ${this.lastName}`.trim()
  }
}

export class UserV3 {
  @IsString()
  firstName!: string

  @IsString()
  lastName!: string

  @IsEmail()
  email!: string
}

export const splitName = upgrade(UserV1, UserV2, ({ name }) => {
  const [firstName = '', ...rest] = name.split(' ')
  return { firstName, lastName: rest.join(' ') }
})

/** Three versions, of which the last has no way back. */
export const user = defineVersions('User')
  .version('1.0.0', UserV1)
  .version(
    '2.0.0',
    UserV2,
    splitName,
    downgrade(UserV2, UserV1, ({ firstName, lastName }) => ({ name: `${firstName} ${lastName}`.trim() })),
  )
  .version(
    '3.0.0',
    UserV3,
    upgrade(UserV2, UserV3, ({ firstName }) => ({ email: `${firstName.toLowerCase()}@example.com` })),
  )

/** What a stream gives, to its end. */
export async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of source) list.push(item)
  return list
}
