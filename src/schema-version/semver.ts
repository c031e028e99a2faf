import { parse } from 'semver'
import { RowshiftError } from '../errors/rowshift-error.js'

/** `MAJOR.MINOR.PATCH` */
export type SemVer = `${number}.${number}.${number}`

/**
 * @param whose for people: `class City`
 * @throws RowshiftError VERSION_INVALID
 */
export function requireVersion(version: unknown, whose: string): void {
  const parsed = typeof version === 'string' ? parse(version) : null
  if (parsed && parsed.raw === `${parsed.major}.${parsed.minor}.${parsed.patch}`) return
  throw new RowshiftError('VERSION_INVALID', {
    message: `${whose} has the version ${JSON.stringify(version) ?? 'undefined'}. A schema version is MAJOR.MINOR.PATCH, such as '2.0.0'.`,
    details: { version: String(version) },
  })
}
