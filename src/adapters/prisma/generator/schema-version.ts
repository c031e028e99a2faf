import { RowshiftError } from '../../../errors/rowshift-error.js'
import { requireVersion } from '../../../schema-version/semver.js'
import type { RegistryModel } from '../registry.js'
import type { DatamodelField } from './read-registry.js'

/**
 * The version in the comment above a model, on a line of its own: `/// @schemaVersion 2.0.0`. Undefined where there is none.
 * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE
 */
export function versionIn(documentation: string | undefined, model: string): string | undefined {
  const stated = linesOf(documentation).filter((line) => /^@schemaVersion\b/i.test(line))
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

const linesOf = (documentation = '') => documentation.split('\n').map((line) => line.trim())

/**
 * The field whose comment has the line `/// @schemaVersionColumn`, or `/// @schemaVersionColumn none=1.0.0` where rows without a
 * version have one all the same. Undefined where no field has it.
 * @throws RowshiftError VERSION_INVALID, VERSION_DUPLICATE, COLUMN_TYPE_MISMATCH for a field that is no text
 */
export function versionColumnIn(fields: readonly DatamodelField[], model: string): RegistryModel['versionColumn'] {
  const stated = fields.flatMap((field) => {
    const line = linesOf(field.documentation).find((text) => /^@schemaVersionColumn\b/i.test(text))
    return line === undefined ? [] : [{ field, line }]
  })
  const [first, second] = stated
  if (!first) return undefined
  const { field, line } = first
  if (second) {
    throw new RowshiftError('VERSION_DUPLICATE', {
      message: `model ${model} has two version columns, ${field.name} and ${second.field.name}. Leave one of them.`,
      details: { model },
    })
  }
  if (field.type !== 'String' || field.isList) {
    throw new RowshiftError('COLUMN_TYPE_MISMATCH', {
      message: `${model}.${field.name} is to hold the version of each row, which is a text: declare it as \`String?\`, or as \`String\`.`,
      details: { model, field: field.name },
    })
  }
  const given = line.replace(/^@schemaVersionColumn/i, '').trim()
  const none = given.replace(/^none\s*=\s*/, '')
  if (given === '') return { field: field.name, none: null }
  requireVersion(none, `\`none\` of ${model}.${field.name}`)
  return { field: field.name, none }
}
