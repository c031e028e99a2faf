/** Tells our own warnings, and lets Node print all others as ever. Returns what ends it. */
export function listenForWarnings(tell: (message: string) => void): () => void {
  const others = process.listeners('warning')
  process.removeAllListeners('warning')
  const listener = (warning: Error) => {
    if (warning.name === 'RowshiftWarning') tell(warning.message)
    else for (const other of others) other(warning)
  }
  process.on('warning', listener)
  return () => {
    process.off('warning', listener)
    for (const other of others) process.on('warning', other)
  }
}
