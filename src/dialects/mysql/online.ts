import type { OnlineStatement } from '../ddl.js'

/*
 * The algorithm is stated wherever one lets writers go on: a table that cannot be changed that way (a full-text index, a row format)
 * is then an error that changes nothing, instead of a table that is copied and locked unasked. INSTANT takes no LOCK.
 */

const name = '`(?:[^`]|``)+`'
const path = `${name}(?:\\.${name})?`
const addColumn = new RegExp(`^ALTER TABLE ${path} ADD ${name} .+$`, 's')
const dropColumn = new RegExp(`^ALTER TABLE ${path} DROP COLUMN ${name}$`)
const createIndex = new RegExp(`^CREATE (UNIQUE )?INDEX ${name} ON ${path} .+$`, 's')
const addUnique = new RegExp(`^ALTER TABLE ${path} ADD UNIQUE INDEX .+$`, 's')
const change = new RegExp(`^(ALTER TABLE ${path} CHANGE) (${name}) (${name}) (.+)$`, 's')
const foreignKey = new RegExp(`^ALTER TABLE ${path} ADD CONSTRAINT ${name} FOREIGN KEY .+$`, 's')

/** What no server adds instantly in every version: values that are computed or counted, and checks (JSON is one on MariaDB). */
const isComputed = /\b(AUTO_INCREMENT|PRIMARY KEY|UNIQUE|GENERATED|AS \(|CHECK|json|DEFAULT (?!NULL\b|'|-?\d))/i

const writersGoOn = 'Writers go on; a table that cannot be changed so is refused and stays as it is'

/** `back` takes the statement back, where that is known: it tells what of a column changes. */
export function askOnline(text: string, back: string | undefined): OnlineStatement {
  if (addColumn.test(text) && !isComputed.test(text)) {
    return {
      text: `${text}, ALGORITHM=INSTANT`,
      why: `Without touching a row; a table that cannot be changed so is refused`,
    }
  }
  // INSTANT where the server can, in place where it is older.
  if (dropColumn.test(text)) return { text: `${text}, LOCK=NONE`, why: writersGoOn }
  if (createIndex.test(text)) return { text: `${text} ALGORITHM=INPLACE LOCK=NONE`, why: writersGoOn }
  if (addUnique.test(text) || isSettled(text, back))
    return { text: `${text}, ALGORITHM=INPLACE, LOCK=NONE`, why: writersGoOn }
  if (foreignKey.test(text)) {
    return { text, why: 'Writers wait: present rows can only be checked by copying the table' }
  }
  return { text, why: undefined }
}

/** A column that gets another name, or NOT NULL, and nothing else. */
function isSettled(text: string, back: string | undefined): boolean {
  const [, table, from, to, type] = change.exec(text) ?? []
  const [, backTable, backFrom, backTo, backType] = change.exec(back ?? '') ?? []
  if (type === undefined || backType === undefined || table !== backTable || from !== backTo || to !== backFrom)
    return false
  if (/\b(json|GENERATED|AS \()/i.test(type)) return false
  const bare = (definition: string) => definition.replace(/ (NOT )?NULL\b/, '')
  return from === to ? type !== backType && bare(type) === bare(backType) : type === backType
}
