/**
 * Lets Node require TypeScript: for the processes that tests start, for the example, for the stock `typeorm` CLI.
 *
 *   node -r ./scripts/register-typescript.cjs file.ts
 */
const { readFileSync } = require('node:fs')
const Module = require('node:module')
const { join } = require('node:path')
const { createJiti } = require('jiti')

// A cache of its own: jiti's does not tell apart what was compiled with and without the plugin below.
const jiti = createJiti(__filename, { fsCache: join(__dirname, '../node_modules/.cache/register-typescript') })

Module._extensions['.ts'] = (module, filename) => {
  const code = jiti.transform({
    filename,
    source: readFileSync(filename, 'utf8'),
    ts: true,
    interopDefault: true,
    babel: { plugins: [decorateFieldsInStaticBlocks] },
  })
  // jiti compiles `import()` to a call of its own loader, which is not there.
  module._compile(code.includes('jitiImport') ? `const jitiImport = ${importModule};${code}` : code, filename)
}

/** A module that awaits at its top level can only be imported, which TypeScript's own files cannot be. */
const importModule = `async (id) => {
  try { return require(id) } catch (error) { if (error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error; return import(id) }
}`.replaceAll('\n', ' ')

// TypeScript is imported by the name of the file it will become: `./city.js` for `./city.ts`.
const resolveFilename = Module._resolveFilename
Module._resolveFilename = function (request, parent, ...rest) {
  if (parent?.filename?.endsWith('.ts') && /^\.{1,2}\/.*\.js$/.test(request)) {
    try {
      return resolveFilename.call(this, request.replace(/\.js$/, '.ts'), parent, ...rest)
    } catch {
      // It is JavaScript after all.
    }
  }
  return resolveFilename.call(this, request, parent, ...rest)
}

/**
 * A plugin for jiti's Babel, which cannot compile decorated fields (`@Column() name!: string`): it calls their decorators in
 * a static block instead, after Babel has added the types TypeORM reads.
 *
 *   name; static { Reflect.metadata('design:type', String)(this.prototype, 'name'); Column()(this.prototype, 'name') }
 */
function decorateFieldsInStaticBlocks({ types: t }) {
  const decorate = (field) => {
    const { decorators, key, static: isStatic } = field.node
    if (!decorators?.length) return
    const owner = isStatic ? t.thisExpression() : t.memberExpression(t.thisExpression(), t.identifier('prototype'))
    const name = t.stringLiteral(key.name ?? key.value)
    const calls = decorators.map(({ expression }) => t.expressionStatement(t.callExpression(expression, [owner, name])))
    field.node.decorators = null
    // The decorator nearest to the field is called first.
    field.insertAfter(t.staticBlock(calls.reverse()))
  }
  return { visitor: { Program: (program) => program.traverse({ ClassProperty: decorate }) } }
}
