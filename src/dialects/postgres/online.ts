import type { OnlinePreparation } from '../ddl.js'

/*
 * Statements that read a whole table while they keep writers out, and what does the reading beforehand under a lock that lets
 * writers pass. They are told by their text, which is the same from every ORM. A name in quotes: "we""ird".
 */

const name = '"(?:[^"]|"")+"'
const path = `${name}(?:\\.${name})?`
const notNull = new RegExp(`^ALTER TABLE (${path}) ALTER COLUMN "((?:[^"]|"")+)" SET NOT NULL\\s*$`)
const index = new RegExp(`^CREATE (UNIQUE )?INDEX (${name}) ON (.+)$`, 's')
const unique = new RegExp(`^ALTER TABLE (${path}) ADD CONSTRAINT (${name}) UNIQUE \\((.+)\\)\\s*$`, 's')
const foreignKey = new RegExp(`^ALTER TABLE (${path}) ADD CONSTRAINT (${name}) FOREIGN KEY .+$`, 's')

/** `down` takes the statement back. Each list of `prepare` can be run again after a failure: it begins by clearing away. */
export function prepareOnline(up: string, down: string): OnlinePreparation | undefined {
  const required = notNull.exec(up)
  if (required) {
    const [, table, column] = required as unknown as [string, string, string]
    const check = `"${`rowshift_${column}_not_null`.slice(0, 63)}"`
    const clear = `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${check}`
    return {
      subject: check,
      why: `"${column}": a check is validated while writers go on; NOT NULL then needs no reading`,
      prepare: [
        clear,
        `ALTER TABLE ${table} ADD CONSTRAINT ${check} CHECK ("${column}" IS NOT NULL) NOT VALID`,
        `ALTER TABLE ${table} VALIDATE CONSTRAINT ${check}`,
      ],
      clear: [clear],
      up: [up, clear],
      down: [down],
    }
  }
  const built = index.exec(up)
  if (built) {
    const [, isUnique = '', title, rest] = built as unknown as [string, string | undefined, string, string]
    return {
      subject: title,
      why: `${title}: built while writers go on; a build that failed leaves an invalid index, which is dropped first`,
      prepare: [
        down.replace(/^DROP INDEX/, 'DROP INDEX CONCURRENTLY IF EXISTS'),
        `CREATE ${isUnique}INDEX CONCURRENTLY ${title} ON ${rest}`,
      ],
      clear: [down.replace(/^DROP INDEX/, 'DROP INDEX IF EXISTS')],
      up: [],
      down: [],
    }
  }
  const constrained = unique.exec(up)
  if (constrained) {
    const [, table, title, columns] = constrained as unknown as [string, string, string, string]
    const schema = new RegExp(`^(${name})\\.`).exec(table)?.[1]
    const full = schema ? `${schema}.${title}` : title
    return {
      subject: title,
      why: `${title}: its index is built while writers go on; a build that failed leaves an invalid one, which is dropped first`,
      prepare: [
        `DROP INDEX CONCURRENTLY IF EXISTS ${full}`,
        `CREATE UNIQUE INDEX CONCURRENTLY ${title} ON ${table} (${columns})`,
      ],
      clear: [`DROP INDEX IF EXISTS ${full}`],
      up: [`ALTER TABLE ${table} ADD CONSTRAINT ${title} UNIQUE USING INDEX ${title}`],
      down: [down],
    }
  }
  const referring = foreignKey.exec(up)
  if (!referring) return undefined
  const [, table, title] = referring as unknown as [string, string, string]
  const clear = `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${title}`
  return {
    subject: title,
    why: `${title}: present rows are checked while writers go on`,
    prepare: [clear, `${up} NOT VALID`, `ALTER TABLE ${table} VALIDATE CONSTRAINT ${title}`],
    clear: [clear],
    up: [],
    down: [],
  }
}
