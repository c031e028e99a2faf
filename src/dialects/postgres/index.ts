import type { Dialect } from '../dialect.js'
import { duplicatesSql } from '../duplicates.js'
import { render, sql } from '../sql.js'
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

/** PostgreSQL 13 and up. */
export const postgres: Dialect = {
  name: 'postgres',
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
  hasTransactionalDdl: true,
  readsNeedTransaction: true,
  locksWholeDatabase: false,
  ddl,
  introspect,
  stampOf,
  catalogueColumns,
  estimateRows,
  codec,
  answerColumn,
  readAnswer,
  *lockTable(table, lockTimeoutMs) {
    yield render(sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, true)`, spelling, 'pin')
    yield render(sql`lock table ${rows.tableSql(table)} in share row exclusive mode`, spelling, 'lock-table')
  },
  classifyError,
  follow,
  health,
  state,
  enclosedState: state,
  texts,
}
