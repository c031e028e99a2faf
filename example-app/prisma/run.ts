import { runExample } from '../story/run.js'
import { openPrisma } from './edition.js'

runExample('npm run example:prisma', openPrisma)
