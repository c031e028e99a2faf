import { pathToFileURL } from 'node:url'
import { createJiti } from 'jiti'

/**
 * Loads a TypeScript or JavaScript file of the application, decorators included. Modules are shared with the rest of the process,
 * so that a data source and the entities it names are the same objects everywhere.
 */
export async function loadModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  const jiti = createJiti(pathToFileURL(__filename).href, { moduleCache: true, interopDefault: false })
  return (await jiti.import(path)) as Record<string, unknown>
}
