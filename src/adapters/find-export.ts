/** The loaded file that exports a value, and under which name; dependencies are left out. */
export function findExport(value: unknown): { readonly file: string; readonly exportName: string } | undefined {
  const found: { file: string; exportName: string }[] = []
  for (const [file, module] of Object.entries(require.cache)) {
    const exports: unknown = module?.exports
    if (file.includes('/node_modules/') || typeof exports !== 'object' || exports === null) continue
    // A getter may throw while modules import each other; by now they are loaded.
    const name = Object.keys(exports).find((key) => (exports as Record<string, unknown>)[key] === value)
    if (name !== undefined && name !== 'default') found.push({ file, exportName: name })
  }
  // A file that passes exports on has the same value: the one it comes from was loaded first.
  return found[0]
}
