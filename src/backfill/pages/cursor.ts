import type { Key } from '../../dialects/dialect.js'

/** A key as it stands in the state tables: `["42","oslo"]`. Texts, so that no driver rounds it. */
export function writeKey(key: Key): string {
  return JSON.stringify(key)
}

export function readKey(text: string): Key {
  return JSON.parse(text) as string[]
}
