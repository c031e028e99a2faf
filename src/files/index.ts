export { type ConvertedFile, type ConvertFileOptions, convertFile } from './convert-file.js'
export { readRecords } from './read-records.js'
export { writeRecords } from './write-records.js'
