import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as compiled from '@prisma/schema-engine-wasm/schema_engine_bg'

const require = createRequire(import.meta.url)

/** What a panic of the compiled engine leaves behind: its message is not in the error. */
const panic = { message: '' }
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  get: () => panic.message,
  set_message: (text) => {
    panic.message = `RuntimeError: ${text}`
  },
}

// A panic comes up outside every promise: tell it as the native engine does, and end like it.
process.on('uncaughtException', (error) => {
  const fields = { is_panic: true, message: panic.message || error.message, backtrace: error.stack }
  process.stderr.write(`${JSON.stringify({ level: 'ERROR', fields, target: 'schema_engine::logger' })}\n`)
  process.exit(101)
})

/** The compiled engine over a database, for the given schema files. */
export async function openEngine(database, datamodels) {
  const folder = dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg'))
  const module = new WebAssembly.Module(readFileSync(join(folder, 'schema_engine_bg.wasm')))
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': compiled })
  compiled.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  const bound = bindMigrationAwareSqlAdapterFactory(database)
  const files = datamodels.length > 0 ? datamodels : undefined
  const engine = await compiled.SchemaEngine.new({ datamodels: files }, () => undefined, bound)

  const attempt = async (method, params) => {
    try {
      return await engine[method](params)
    } catch (error) {
      throw explained(error, bound)
    }
  }
  return {
    async call(method, params) {
      try {
        return await attempt(method, params)
      } catch (error) {
        const list = params?.migrationsList
        if (!list || !/_prisma_migrations.* does not exist/s.test(error.message)) throw error
        // On SQLite the engine takes a missing table of migrations for an error. To apply none makes it.
        const none = { ...list, migrationDirectories: [] }
        await attempt('applyMigrations', { migrationsList: none, filters: params.filters })
        return attempt(method, params)
      }
    },
  }
}

/** The driver's own error, of which the engine knows a number only. */
function explained(error, bound) {
  if (error instanceof WebAssembly.RuntimeError) return new Error(panic.message || error.message)
  const message = String(error?.message ?? error).replace(
    /External error id#(\d+)/g,
    (text, id) => bound.errorRegistry.consumeError(Number(id))?.error?.message ?? text,
  )
  return Object.assign(new Error(message), { code: error?.code, meta: error?.meta })
}
