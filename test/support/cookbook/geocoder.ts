import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

const places: Readonly<Record<string, object>> = {
  Oslo: { latitude: 59.91, longitude: 10.75 },
  Bergen: { latitude: 60.39, longitude: 5.32 },
}

/** The service that a page asks, in small: it answers for each address, and to the first call that it is one too many. */
export async function startGeocoder(): Promise<string> {
  let isFirst = true
  const server = createServer(async (request, response) => {
    if (isFirst) {
      isFirst = false
      response.writeHead(429, { 'retry-after': '0' }).end()
      return
    }
    const parts = await request.toArray()
    const addresses = JSON.parse(Buffer.concat(parts as Buffer[]).toString()) as string[]
    response.end(JSON.stringify(addresses.map((address) => places[address] ?? null)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterAll(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
