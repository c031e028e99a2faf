import type { Dialect } from '../dialect.js'
import { duplicatesSql } from '../duplicates.js'
import { answerColumn, readAnswer } from './answers.js'
import { classifyError } from './classify-error.js'
import { codec, conditionValue, isDistinct } from './codecs.js'
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
import { enclosedState, state, texts } from './state.js'
import * as transaction from './transaction.js'

/** MySQL 8.0.19 and up, MariaDB 10.6 and up. */
export const mysql: Dialect = {
  name: 'mysql',
  ...spelling,
  ...transaction,
  ...keyRanges,
  ...rows,
  insertRows,
  keysOfValues,
  ...removedRows,
  ...references,
  duplicates: duplicatesSql,
  ...preflight,
  hasTransactionalDdl: false,
  readsNeedTransaction: false,
  locksWholeDatabase: false,
  ddl,
  introspect,
  stampOf,
  catalogueColumns,
  estimateRows,
  codec,
  answerColumn,
  readAnswer,
  conditionValue,
  isDistinct,
  // LOCK TABLES would commit the transaction that the lock is to protect, and so does the ALTER TABLE that follows a gate: the
  // gate can only look again directly before it.
  *lockTable() {},
  classifyError,
  follow,
  health,
  state,
  enclosedState,
  texts,
}
