/**
 * Keeps what V8 makes of a module's text for the next process that loads the same text: a run starts a thousand processes that load
 * the same packages, and to compile them is half of what most of those do. From 22.8 on Node does that itself.
 *
 *   ROWSHIFT_TEST_COMPILE_CACHE=/folder node -r ./test/support/compile-cache.cjs file.js
 */
const { createHash } = require('node:crypto')
const { readFileSync, renameSync, writeFileSync } = require('node:fs')
const Module = require('node:module')
const { dirname, join } = require('node:path')
const { Script } = require('node:vm')
const { threadId } = require('node:worker_threads')

const folder = process.env.ROWSHIFT_TEST_COMPILE_CACHE

/** What this process has compiled and will keep, by file. */
const compiled = new Map()

const compile = Module.prototype._compile
Module.prototype._compile = function (content, filename, format) {
  const script = isKept(this, content, format) ? scriptOf(content, filename) : undefined
  if (!script) return compile.call(this, content, filename, format)
  const run = script.runInThisContext()
  return run.call(this.exports, this.exports, requireOf(this), this, filename, dirname(filename))
}

function isKept(module, content, format) {
  // The first module is Node's own affair: it looks each path up once for all that this one requires.
  if (!module.parent) return false
  // Of a text that comes from a cache Node 20 does not know where it imports from.
  return format !== 'module' && !/\bimport\s*\(/.test(content)
}

/** @returns nothing for what is no CommonJS */
function scriptOf(content, filename) {
  const text = Module.wrap(content.startsWith('#!') ? content.replace(/^.*/, '') : content)
  const file = join(folder, createHash('sha1').update(text).digest('hex'))
  const cachedData = read(file)
  try {
    const script = new Script(text, { filename, cachedData })
    if (!cachedData || script.cachedDataRejected) compiled.set(file, script)
    return script
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** What Node gives to a module. */
function requireOf(module) {
  const require = (id) => module.require(id)
  require.resolve = (request, options) => Module._resolveFilename(request, module, false, options)
  require.resolve.paths = (request) => Module._resolveLookupPaths(request, module)
  require.main = process.mainModule
  require.extensions = Module._extensions
  require.cache = Module._cache
  return require
}

function read(file) {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

/** By then the functions that were called are compiled as well. */
function keep() {
  for (const [file, script] of compiled) {
    // Others may read the file meanwhile.
    const own = `${file}-${process.pid}-${threadId}`
    writeFileSync(own, script.createCachedData())
    renameSync(own, file)
  }
}

process.on('exit', keep)
// Many end by a signal. By then they have loaded everything, and some have done nothing else.
setTimeout(keep, 250).unref()
