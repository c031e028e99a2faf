import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { DataSource, type DataSourceOptions } from 'typeorm'

/*
 * An application beside a backfill, in a process of its own:
 *
 *   application-process.ts '<data source options>' <rows>
 *
 * Says that it is ready. At the line `begin` it updates rows of `city` one by one, anywhere in the table, until it gets the line `end`; then
 * it tells how long each took, in milliseconds. What it tells is JSON.
 */

/** How often it writes. */
const everyMs = 2

async function main([options, rows]: readonly string[]): Promise<void> {
  const application = await new DataSource(JSON.parse(options!) as DataSourceOptions).initialize()
  let isOver = false
  let writing: Promise<number[]> | undefined

  async function write(): Promise<number[]> {
    const times: number[] = []
    for (let i = 1; !isOver; i++) {
      // Evenly over the table, in an order that no batch has.
      const id = 1 + ((i * 7_919) % Number(rows))
      const startedAt = performance.now()
      await application.query(`update city set pad = 'y${i}' where id = ${id}`)
      times.push(performance.now() - startedAt)
      await sleep(everyMs)
    }
    return times
  }

  const tell = (what: unknown) => process.stdout.write(`${JSON.stringify(what)}\n`)
  tell('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    isOver = line === 'end'
    if (isOver) tell(await writing)
    else {
      writing = write()
      tell('begun')
    }
  }
}

void main(process.argv.slice(2)).then(() => process.exit())
