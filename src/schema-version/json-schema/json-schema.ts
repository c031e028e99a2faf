import { RowshiftError } from '../../errors/rowshift-error.js'
import { optional } from '../class-libraries.js'
import type { Versions } from '../define-versions.js'
import { isClass, isSchema, type Shape, type StandardSchema } from '../shape.js'
import { type History, historyOf } from '../version-history.js'
import { schemaOfClass } from './of-class.js'
import { schemaOfColumns } from './of-columns.js'
import type { JsonSchema } from './types.js'

const dialect = 'https://json-schema.org/draft/2020-12/schema'

/**
 * The JSON Schema of a version: of its columns, of the decorators of its class, or what its Standard Schema says of itself (zod does;
 * valibot with `@valibot/to-json-schema` installed). What JSON cannot hold, such as a Date, stands as a text.
 *
 *   await writeFile('user-2.0.0.json', JSON.stringify(jsonSchema(user, '2.0.0')))
 *
 * @throws RowshiftError VERSION_UNKNOWN; UNSUPPORTED_SHAPE for a schema that cannot say
 */
export function jsonSchema<M extends object>(versions: Versions<M>, version: keyof M & string): JsonSchema {
  return schemaOfVersion(historyOf(versions)!, version)
}

/** @throws RowshiftError VERSION_UNKNOWN, UNSUPPORTED_SHAPE */
export function schemaOfVersion(history: History, version: string): JsonSchema {
  const title = `${history.name} ${version}`
  return { $schema: dialect, title, ...schemaOfShape(history.requireShape(version), title) }
}

/** @throws RowshiftError UNSUPPORTED_SHAPE */
export function schemaOfShape(shape: Shape, title: string): JsonSchema {
  if (isClass(shape)) return schemaOfClass(shape)
  if (!isSchema(shape)) return schemaOfColumns(shape)
  const { $schema: _, ...schema } = schemaOfStandard(shape, title)
  return schema
}

interface SpeakingSchema {
  readonly '~standard': {
    readonly jsonSchema?: {
      input(options: { readonly target: string; readonly libraryOptions?: object }): JsonSchema
    }
  }
}

interface ValibotToJsonSchema {
  toJsonSchema(schema: unknown, options: { readonly typeMode: 'input'; readonly errorMode: 'ignore' }): JsonSchema
}

function schemaOfStandard(shape: StandardSchema<object, unknown>, title: string): JsonSchema {
  const { vendor, jsonSchema: speaks } = shape['~standard'] as SpeakingSchema['~standard'] & { readonly vendor: string }
  if (speaks) return speaks.input({ target: 'draft-2020-12', libraryOptions: { unrepresentable: 'any' } })
  const valibot = vendor === 'valibot' ? optional<ValibotToJsonSchema>('@valibot/to-json-schema') : undefined
  if (valibot) return valibot.toJsonSchema(shape, { typeMode: 'input', errorMode: 'ignore' })
  const remedy =
    vendor === 'valibot'
      ? '`npm install @valibot/to-json-schema`.'
      : 'Declare the version by a class, by columns or with zod.'
  throw new RowshiftError('UNSUPPORTED_SHAPE', {
    message: `${title}: the ${vendor} schema cannot say itself as JSON Schema. ${remedy}`,
    details: { vendor },
  })
}
