import { DataSource, type DataSourceOptions } from 'typeorm'

const options: DataSourceOptions = JSON.parse(process.env.CRASH_DATA_SOURCE!)
const port = process.env.CRASH_PORT

export const dataSource = new DataSource(
  port === undefined ? options : ({ ...options, host: '127.0.0.1', port: Number(port) } as DataSourceOptions),
)
