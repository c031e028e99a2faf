import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'

/**
 * Loads a TypeScript or JavaScript file of the application: decorators, path aliases of its tsconfig.json and files that
 * TypeORM finds by globs included. Modules are shared with the rest of the process, so that a data source and the entities it
 * names are the same objects everywhere.
 */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const jiti = createLoader(path)
  registerTypeScript(jiti)
  return (await jiti.import(path)) as Record<string, unknown>
}

type Jiti = ReturnType<typeof createJiti>

function createLoader(path: string): Jiti {
  return createJiti(pathToFileURL(path).href, {
    moduleCache: true,
    interopDefault: false,
    tsconfigPaths: true,
    // jiti's own cache does not tell apart what was compiled with and without the plugin below.
    fsCache: cacheFolder(path),
    transformOptions: { babel: { plugins: [decorateFieldsInStaticBlocks] } },
  })
}

/** Below the application's own dependencies, never in a folder that other users of the machine can write to. */
function cacheFolder(path: string): string | false {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules'))) return join(folder, 'node_modules/.cache/rowshift')
    if (folder === dirname(folder)) return false
  }
}

/**
 * Lets `require` load TypeScript, which is what TypeORM does with the files that a glob of `entities` finds. A loader that the
 * application has registered stays; Node's own goes, because it refuses decorators.
 */
function registerTypeScript(jiti: Jiti): void {
  const isNodesOwn = Boolean((process.features as { typescript?: unknown }).typescript)
  for (const extension of ['.ts', '.cts']) {
    if (require.extensions[extension] && !isNodesOwn) continue
    require.extensions[extension] = (module, filename) => {
      module.exports = jiti(filename)
    }
  }
}

/** What is used of Babel, which jiti brings along and does not describe. */
interface Babel {
  readonly types: {
    identifier(name: string): unknown
    stringLiteral(value: string): unknown
    thisExpression(): unknown
    memberExpression(object: unknown, property: unknown): unknown
    callExpression(callee: unknown, args: readonly unknown[]): unknown
    expressionStatement(expression: unknown): unknown
    staticBlock(body: readonly unknown[]): unknown
  }
}

interface Field {
  readonly node: {
    decorators: readonly { readonly expression: unknown }[] | null | undefined
    readonly key: { readonly name?: string; readonly value?: string }
    readonly static: boolean
  }
  insertAfter(node: unknown): void
}

/**
 * A plugin for jiti's Babel, which cannot compile decorated fields (`@Column() name!: string`): it calls their decorators in
 * a static block instead, after Babel has added the types TypeORM reads.
 *
 *   name; static { Reflect.metadata('design:type', String)(this.prototype, 'name'); Column()(this.prototype, 'name') }
 */
function decorateFieldsInStaticBlocks({ types: t }: Babel) {
  const decorate = (field: Field) => {
    const { decorators, key, static: isStatic } = field.node
    if (!decorators?.length) return
    const owner = isStatic ? t.thisExpression() : t.memberExpression(t.thisExpression(), t.identifier('prototype'))
    const name = t.stringLiteral(key.name ?? key.value ?? '')
    const calls = decorators.map(({ expression }) => t.expressionStatement(t.callExpression(expression, [owner, name])))
    field.node.decorators = null
    // The decorator nearest to the field is called first.
    field.insertAfter(t.staticBlock(calls.reverse()))
  }
  return {
    visitor: {
      Program: (program: { traverse(visitor: { ClassProperty: typeof decorate }): void }) =>
        program.traverse({ ClassProperty: decorate }),
    },
  }
}
