/**
 * Gives every public entry of a compiled package its ES module face: `X.mjs` re-exports the names of the CommonJS `X.js`
 * one by one, so `import` and `require` share one instance (one registry, one class to test with `instanceof`). Each name comes
 * from the file that defines it: a bundler then leaves out the files of names that nobody imports.
 *
 *   node scripts/write-esm-wrappers.mjs [package directory, default: this package]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, resolve } from 'node:path'

const root = resolve(process.argv[2] ?? `${import.meta.dirname}/..`)
const require = createRequire(`${root}/package.json`)
const { exports: entries } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))

for (const entry of Object.values(entries)) {
  if (typeof entry === 'string') continue
  const commonJs = entry.require.default
  const source = `./${basename(commonJs)}`
  const origins = originsOf(readFileSync(resolve(root, entry.require.types), 'utf8'))
  const lines = Object.keys(require(commonJs))
    .sort()
    .map((name) => `export { ${name} } from '${origins.get(name) ?? source}'\n`)
  writeFileSync(resolve(root, entry.import.default), lines.join(''))
  writeFileSync(resolve(root, entry.import.types), `export * from '${source}'\n`)
}

/** The file that each name of an entry comes from, by its declarations: `export { type Column, json } from './columns.js'`. */
function originsOf(declarations) {
  const origins = new Map()
  for (const [, names, file] of declarations.matchAll(/^export \{([^}]*)\} from '([^']+)'/gm))
    for (const name of names.split(',').map((text) => text.trim())) if (/^\w+$/.test(name)) origins.set(name, file)
  return origins
}
