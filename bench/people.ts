import 'reflect-metadata'
import { IsString } from 'class-validator'
import { defineVersions, upgrade } from 'rowshift'

/* The versions of the benchmark: a module of its own, for threads to load. */

export class UserV1 {
  @IsString()
  name!: string
}
export class UserV2 {
  @IsString()
  firstName!: string

  @IsString()
  lastName!: string
}

export function split({ name }: { name: string }) {
  const at = name.indexOf(' ')
  return at < 0 ? { firstName: name, lastName: '' } : { firstName: name.slice(0, at), lastName: name.slice(at + 1) }
}

export const byClasses = defineVersions('User')
  .version('1.0.0', UserV1)
  .version('2.0.0', UserV2, upgrade(UserV1, UserV2, split))
export const byColumns = defineVersions('User by columns')
  .version('1.0.0', { name: 'text' })
  .version('2.0.0', { firstName: 'text', lastName: 'text' }, { upgrade: split })
