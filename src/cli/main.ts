#!/usr/bin/env node
import { runCommandLine } from './program.js'

// A reader that has seen enough (`| head`) closes the pipe; the work goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

async function main(): Promise<void> {
  const { stdin, stdout, stderr, env } = process
  const exitCode = await runCommandLine(process.argv.slice(2), { stdin, stdout, stderr, env })
  // What is still in a pipe would be lost, and modules of the application may hold the process open.
  for (const stream of [stdout, stderr]) await new Promise((resolve) => stream.write('', resolve))
  process.exit(exitCode)
}

void main()
