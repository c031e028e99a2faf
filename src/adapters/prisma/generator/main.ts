#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generatorHandler } from '@prisma/generator-helper'
import { readRegistry } from './read-registry.js'
import { registryText } from './registry-text.js'

/* What `provider = "rowshift-prisma"` of a Prisma schema starts: Prisma talks to it through its standard streams. */

generatorHandler({
  onManifest: () => ({ prettyName: 'the registry of rowshift', defaultOutput: './rowshift.ts' }),
  async onGenerate({ generator, datasources, dmmf }) {
    const file = generator.output?.value
    if (!file) throw new Error('Prisma gave the generator rowshift-prisma no output file')
    const text = registryText(file, readRegistry(datasources[0]?.activeProvider ?? 'none', dmmf.datamodel))
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  },
})
