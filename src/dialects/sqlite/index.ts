import type { Dialect } from '../dialect.js'
import { duplicatesSql } from '../duplicates.js'
import { answerColumn, readAnswer } from './answers.js'
import { classifyError } from './classify-error.js'
import { codec } from './codecs.js'
import { ddl } from './ddl.js'
import { follow } from './follow.js'
import { health } from './health.js'
import { catalogueColumns, estimateRows, introspect, stampOf } from './introspect.js'
import * as keyRanges from './key-ranges.js'
import { insertRows, keysOfValues } from './new-rows.js'
import * as preflight from './preflight.js'
import * as references from './references.js'
import * as removedRows from './removed-rows.js'
import * as rows from './rows.js'
import { spelling } from './spelling.js'
import { state, texts } from './state.js'
import * as transaction from './transaction.js'

/** SQLite 3.41 and up: unhex(), `->>`, UPDATE with INDEXED BY. */
export const sqlite: Dialect = {
  name: 'sqlite',
  ...spelling,
  ...transaction,
  ...keyRanges,
  ...rows,
  // A statement a row binds the texts as they are.
  rowSpeller: () => undefined,
  insertRows,
  keysOfValues,
  ...removedRows,
  ...references,
  duplicates: duplicatesSql,
  ...preflight,
  readsNeedTransaction: false,
  locksWholeDatabase: true,
  hasTransactionalDdl: true,
  ddl,
  introspect,
  stampOf,
  catalogueColumns,
  estimateRows,
  codec,
  answerColumn,
  readAnswer,
  conditionValue: rows.conditionValue,
  // A transaction that writes keeps all other writers out of the whole file.
  *lockTable() {},
  classifyError,
  follow,
  health,
  state,
  enclosedState: state,
  texts,
}
