import { RowshiftError } from '../../../errors/rowshift-error.js'
import { requireVersion } from '../../../schema-version/semver.js'

/**
 * The version in the comment above a model, on a line of its own: `/// @schemaVersion 2.0.0`. Undefined where there is none.
 * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE
 */
export function versionIn(documentation: string | undefined, model: string): string | undefined {
  const lines = (documentation ?? '').split('\n').map((line) => line.trim())
  const stated = lines.filter((line) => /^@schemaVersion\b/i.test(line))
  const [first, second] = stated
  if (first === undefined) return undefined
  if (second !== undefined) {
    throw new RowshiftError('VERSION_DUPLICATE', {
      message: `model ${model} has two versions, \`${first}\` and \`${second}\`. Leave one of them.`,
      details: { model },
    })
  }
  const version = first.replace(/^@schemaVersion/i, '').trim()
  requireVersion(version, `model ${model}`)
  return version
}
