import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'

const repository = join(__dirname, '../..')

/**
 * Bundles programs with all that they import, for processes that are started a hundred times and live for a second: to find and compile a
 * thousand modules would be most of it. `programs` are files by the paths, without `.js`, that their bundles have in the folder.
 */
export async function bundle(folder: string, programs: Readonly<Record<string, string>>): Promise<void> {
  // For what is not bundled.
  await symlink(join(repository, 'node_modules'), join(folder, 'node_modules'))
  await build({
    root: repository,
    configFile: false,
    logLevel: 'error',
    // These two find their other half by their own place. The others are not there, or not for what is done here.
    ssr: {
      noExternal: true,
      external: ['better-sqlite3', 'jiti', 'mysql2', 'postgres', '@prisma/dev', 'typescript', 'magicast'],
    },
    build: {
      ssr: true,
      target: 'node20',
      outDir: folder,
      emptyOutDir: false,
      rolldownOptions: {
        input: { ...programs },
        output: { format: 'cjs', entryFileNames: '[name].js', dynamicImportInCjs: false },
        plugins: [
          {
            name: 'cacheable',
            // What is left of `import(` is in texts, where it may be spelled so that the compile cache does not take it for a call.
            generateBundle(_, files) {
              for (const file of Object.values(files))
                if (file.type === 'chunk') file.code = file.code.replace(/(?<!\.|async )\bimport\(/g, 'import\\u0028')
            },
          },
        ],
      },
    },
  })
}
