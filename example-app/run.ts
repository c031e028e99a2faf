import { runExample } from './story/run.js'
import { openTypeorm } from './typeorm.js'

runExample('npm run example', openTypeorm)
