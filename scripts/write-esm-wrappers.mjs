/**
 * Gives every public entry of a compiled package its ES module face: `X.mjs` re-exports the names of the CommonJS `X.js`
 * one by one, so `import` and `require` share one instance (one registry, one class to test with `instanceof`).
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
  const names = Object.keys(require(commonJs)).sort()
  const source = `./${basename(commonJs)}`
  writeFileSync(
    resolve(root, entry.import.default),
    `export {\n${names.map((name) => `  ${name},\n`).join('')}} from '${source}'\n`,
  )
  writeFileSync(resolve(root, entry.import.types), `export * from '${source}'\n`)
}
