#!/usr/bin/env node
/**
 * A stand-in for Prisma's native schema engine, which is downloaded at install and so is not on every machine: the stock CLI starts
 * it as `PRISMA_SCHEMA_ENGINE_BINARY`. It speaks the engine's JSON-RPC, one message a line on the standard streams, and leaves
 * the work to the same engine compiled to WebAssembly, over a driver adapter. That one knows PostgreSQL and SQLite; for MySQL the
 * stand-in can do no more than apply migrations.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { errorCodeOf } from './error-code.mjs'

const { command, datamodels, datasource, isVersionAsked } = readArguments(process.argv.slice(2))
/** Prisma 6 has the URL in the schema, where the compiled engine, which is that of 7, refuses it. */
const urlLine = /^\s*url\s*=\s*"([^"]*)"\s*$/m
const schemas = datamodels.map((file) => [file, readFileSync(file, 'utf8')])
const url = datasource.url ?? schemas.map(([, text]) => urlLine.exec(text)?.[1]).find((found) => found !== undefined)
const logLine = (level, fields) =>
  process.stderr.write(
    `${JSON.stringify({ timestamp: new Date().toISOString(), level, fields, target: 'schema_engine::logger' })}\n`,
  )

if (isVersionAsked) console.log('schema-engine-cli stand-in')
else if (command) await runCommand(command)
else serve()

function readArguments(args) {
  const read = { command: undefined, datamodels: [], datasource: {}, isVersionAsked: false }
  while (args.length > 0) {
    const argument = args.shift()
    if (argument === '--version' || argument === '-V') read.isVersionAsked = true
    else if (argument === '--datamodels' || argument === '-d') read.datamodels.push(args.shift())
    else if (argument === '--datasource') {
      const value = args.shift()
      read.datasource = value.startsWith('{') ? JSON.parse(value) : { url: value }
    } else if (argument.startsWith('--')) args.shift()
    // `cli` itself is no command; Prisma 6 has options between it and the one that it means.
    else if (argument !== 'cli') read.command = argument
  }
  return read
}

/**
 * What makes connections to a database by its URL. Without one any will do: only schema files are compared. Loads that driver alone,
 * since a command of the CLI starts this program three times and more.
 */
async function databaseAt(address) {
  if (/^(postgres|postgresql):/.test(address ?? ''))
    return (await import('./postgres.mjs')).postgres(address, datasource.shadowDatabaseUrl)
  if (address === undefined || address.startsWith('file:'))
    return (await import('./sqlite.mjs')).sqlite(address ?? 'file::memory:')
  if (address.startsWith('mysql:')) return (await import('./mysql.mjs')).mysql(address)
  throw Object.assign(new Error(`the stand-in knows no database at ${address.split(':')[0]}:`), { code: 'P1013' })
}

/** `schema-engine cli can-connect-to-database` and the like, which the CLI calls before anything else. */
async function runCommand(name) {
  logLine('INFO', { message: 'Starting schema engine CLI' })
  try {
    const database = await databaseAt(url)
    if (name === 'can-connect-to-database') await database.check()
    else if (name === 'create-database') await database.create()
    else throw new Error(`the stand-in knows no command ${name}`)
    logLine('INFO', { message: `${name}: done` })
  } catch (error) {
    logLine('ERROR', { is_panic: false, error_code: errorCodeOf(error) ?? '', message: error.message })
    process.exitCode = 1
  }
}

function serve() {
  const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const answers = new Map()
  let printed = 0
  /** Has the CLI print a text, as `migrate diff` does with its script. */
  const print = (content) =>
    new Promise((resolve) => {
      const id = `print-${++printed}`
      answers.set(id, resolve)
      send({ method: 'print', params: { content }, id })
    })

  let opened
  const engine = (address = url) => {
    opened ??= open(address)
    return opened
  }
  const open = async (address) => {
    const database = await databaseAt(address)
    if (database.engine) return database.engine
    const { openEngine } = await import('./engine.mjs')
    return openEngine(
      database,
      schemas.map(([file, text]) => [file, text.replace(urlLine, '')]),
    )
  }
  const call = async (method, params) => (await engine()).call(method, params)
  const methods = {
    createDatabase: async (params) => ({
      databaseName: await (await databaseAt(params?.datasource?.url ?? url)).create(),
    }),
    ensureConnectionValidity: async (params) => {
      await (await databaseAt(params?.datasource?.url ?? url)).check()
      return {}
    },
    getDatabaseVersion: () => call('version', null),
    async reset(params) {
      const { wipe } = await databaseAt(url)
      // The compiled engine does nothing here on SQLite.
      if (wipe) wipe()
      else await call('reset', params)
      return null
    },
    async diff(params) {
      const ends = [params.from, params.to].map(({ tag }) => tag)
      // Two schema files need no database: none is made for them.
      const needsNone = !ends.includes('schemaDatasource') && !ends.includes('migrations')
      const place = needsNone && url?.startsWith('file:') ? 'file::memory:' : url
      const { stdout, ...rest } = await (await engine(place)).call('diff', params)
      if (stdout) await print(stdout.replace(/\n$/, ''))
      return { ...rest, stdout: null }
    },
  }

  async function answer({ id, method, params }) {
    try {
      const result = await (methods[method]?.(params) ?? call(method, params))
      send({ id, result: result ?? null })
    } catch (error) {
      const data = { is_panic: false, message: error.message, meta: error.meta ?? null, error_code: errorCodeOf(error) }
      send({ id, error: { code: 4466, message: 'An error happened. Check the data field for details.', data } })
    }
  }

  logLine('INFO', { message: 'Starting schema engine RPC server' })
  // The engine takes one request at a time.
  let last = Promise.resolve()
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      if (line.trim() === '') return
      const message = JSON.parse(line)
      if (message.method) last = last.then(() => answer(message))
      else answers.get(message.id)?.()
    })
    .on('close', () => last.then(() => process.exit(0)))
}
