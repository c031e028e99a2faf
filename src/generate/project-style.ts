import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

/** How the files of an application are written. */
export interface ProjectStyle {
  /** The path that an import in one file has for another, both absolute: `../backfills/city-2.0.0.js`. */
  importPath(from: string, to: string): string
  /** The text as the project's own formatter leaves it; unchanged where there is none. */
  format(file: string, text: string): Promise<string>
}

/** Reads how the application at and above a folder writes its files. */
export function readProjectStyle(folder: string, sample: string | undefined): ProjectStyle {
  const extension = importExtension(folder, sample)
  return {
    importPath(from, to) {
      const path = relative(dirname(from), to).split(sep).join('/')
      const bare = path.replace(/\.([cm]?)[jt]s$/, (_, kind: string) =>
        extension === '' ? '' : extension === '.ts' ? `.${kind}ts` : `.${kind}js`,
      )
      return bare.startsWith('.') ? bare : `./${bare}`
    },
    format: (file, text) => format(folder, file, text),
  }
}

/** As the imports that are there end; else as Node asks of the kind of modules. */
function importExtension(folder: string, sample: string | undefined): '' | '.js' | '.ts' {
  const present = sample && existsSync(sample) ? readFileSync(sample, 'utf8') : ''
  const written = [...present.matchAll(/from\s+['"](\.[^'"]*)['"]/g)].map((match) => match[1]!)
  if (written.length > 0) {
    const [first] = written
    return first!.endsWith('.ts') ? '.ts' : /\.[cm]?js$/.test(first!) ? '.js' : ''
  }
  const manifest = upward(folder, 'package.json')
  const isModule = manifest && (JSON.parse(readFileSync(manifest, 'utf8')) as { type?: string }).type === 'module'
  return isModule ? '.js' : ''
}

function upward(from: string, ...names: readonly string[]): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (found || folder === dirname(folder)) return found
  }
}

const prettierConfigs = [
  '.prettierrc',
  ...['json', 'json5', 'yaml', 'yml', 'toml', 'js', 'cjs', 'mjs', 'ts'].map((extension) => `.prettierrc.${extension}`),
  ...['js', 'cjs', 'mjs', 'ts'].map((extension) => `prettier.config.${extension}`),
]

/** Formatters that are installed and configured, read from standard input so that no file is touched. */
async function format(folder: string, file: string, text: string): Promise<string> {
  const biome = upward(folder, 'biome.json', 'biome.jsonc') && upward(folder, 'node_modules/.bin/biome')
  if (biome) return pipe(biome, ['format', `--stdin-file-path=${file}`], folder, text)
  const isPrettier = upward(folder, ...prettierConfigs) ?? hasPrettierKey(folder)
  const prettier = isPrettier && upward(folder, 'node_modules/.bin/prettier')
  return prettier ? pipe(prettier, ['--stdin-filepath', file], folder, text) : text
}

function hasPrettierKey(folder: string): string | undefined {
  const manifest = upward(folder, 'package.json')
  return manifest && 'prettier' in (JSON.parse(readFileSync(manifest, 'utf8')) as object) ? manifest : undefined
}

/** A formatter that fails is no reason to write nothing: the text is right without it. */
function pipe(command: string, args: readonly string[], cwd: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(command, [...args], { cwd, maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
      resolve(error || stdout === '' ? text : stdout),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(text)
  })
}
