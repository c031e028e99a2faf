import { DataSource } from 'typeorm'
import { expect } from 'vitest'
import { typeorm } from '../../src/adapters/typeorm/index.js'
import { typeormTestOn } from '../support/databases.js'

typeormTestOn(['mariadb'], 'closes a data source whose pool says that a connection was lost', async (database) => {
  const dataSource = new DataSource(database.dataSourceOptions())
  const destroy = dataSource.destroy.bind(dataSource)
  let failure: Error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
  // All of its connections are closed by then. It depends on the moment whether the driver says so.
  dataSource.destroy = async () => {
    await destroy()
    throw failure
  }
  const opened = await typeorm(dataSource).open()
  await expect(opened.close()).resolves.toBeUndefined()

  failure = new Error('of another kind')
  await expect((await typeorm(dataSource).open()).close()).rejects.toBe(failure)
})
