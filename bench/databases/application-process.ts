import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource, type DataSourceOptions } from 'typeorm'

/*
 * An application beside a backfill, in a process of its own:
 *
 *   application-process.ts '<data source options>' <rows>
 *
 * Updates rows of `city` one by one, anywhere in the table, from when it says so until it gets a line; then tells how long each
 * took, in milliseconds, as JSON.
 */

/** How often it writes. */
const everyMs = 2

async function main([options, rows]: readonly string[]): Promise<void> {
  const application = await new DataSource(JSON.parse(options!) as DataSourceOptions).initialize()
  const times: number[] = []
  let isOver = false
  process.stdin.once('data', () => {
    isOver = true
  })
  process.stdout.write('ready\n')
  for (let i = 1; !isOver; i++) {
    // Evenly over the table, in an order that no batch has.
    const id = 1 + ((i * 7_919) % Number(rows))
    const startedAt = performance.now()
    await application.query(`update city set pad = 'y${i}' where id = ${id}`)
    times.push(performance.now() - startedAt)
    await sleep(everyMs)
  }
  process.stdout.write(`${JSON.stringify(times)}\n`)
}

void main(process.argv.slice(2)).then(() => process.exit())
