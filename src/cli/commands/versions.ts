import { InvalidArgumentError } from 'commander'
import { RowshiftError } from '../../errors/rowshift-error.js'
import { convertFile, recordsOf } from '../../files/convert-file.js'
import { type ConversionAdvice, type ConversionMeasure, measureConversion } from '../../files/measure-conversion.js'
import type { RecordFailure, StampedVersion } from '../../schema-version/convert-options.js'
import type { Versions } from '../../schema-version/define-versions.js'
import { diffHistory } from '../../schema-version/diff/diff-versions.js'
import { diffMarkdown } from '../../schema-version/diff/markdown.js'
import { proposeStep } from '../../schema-version/diff/proposal.js'
import { schemaOfVersion } from '../../schema-version/json-schema/json-schema.js'
import type { Parallel } from '../../schema-version/parallel/options.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-codes.js'
import { columns, counted } from '../format.js'
import { defaultVersionFiles, type FoundVersions, loadVersions, versionsNamed } from '../load-versions.js'
import type { Answer, Output } from '../output.js'

interface VersionsOptions {
  readonly file?: readonly string[]
  readonly stamp?: string
  readonly key?: string
  readonly collect?: boolean
  readonly workers?: number | 'auto'
  readonly records?: number
}

const defaultSample = 20_000

/** How many failures are listed for people. */
const listed = 20

type Untyped = Versions<Record<string, never>, string>

export const versions: CommandSpec<VersionsOptions> = {
  usage: 'versions <action> [argument...]',
  summary: 'list, compare and export versions of records; validate and upgrade files of them',
  description: `Works with what \`defineVersions\` returns, and needs neither a config nor a database. Actions:

list; path <name> <from> <to>; diff <name> <from> <to>, as Markdown with the proposed step; validate <name> <version> <file>;
upgrade <name> <from> <to> <input> <output>; bench <name> <from> <to> <file>, which converts records of the file in every way, keeps nothing, and
says how many threads and which chunks are fastest; export <name> <version>, the JSON Schema.

Files are .json, .jsonl, .ndjson or .csv, each with .gz or without. An output appears whole or not at all.`,
  examples: [
    ['rowshift versions list', 'what there is in versions/ and src/versions/'],
    ['rowshift versions diff User 1.0.0 2.0.0', 'what changed, and the code of the step'],
    ['rowshift versions validate User 2.0.0 users.jsonl', 'is every record what the version says?'],
    ['rowshift versions bench User 1.0.0 2.0.0 users.jsonl', 'are threads worth it?'],
    [
      'rowshift versions upgrade User 1.0.0 2.0.0 old.csv new.jsonl.gz --collect',
      'go on past bad records, and list them',
    ],
  ],
  exitCodes: ['0  done, every record too', '1  records were not valid, or could not be upgraded'],
  options: (command) =>
    command
      .option(
        '-f, --file <glob>',
        'the files that export the versions (default: versions/* and src/versions/*)',
        (value: string, before: readonly string[] = []) => [...before, value],
      )
      .option('--stamp <field>', 'the version of each record stands in this field; <from> is that of records without')
      .option('--key <field>', 'the field by which failures name their record')
      .option(
        '--workers <n>',
        'validate and upgrade: in so many threads, or `auto` for as many as prove to be faster (default: none)',
        workersOf,
      )
      .option('--records <n>', 'bench: how many records of the file are tried (default: 20000)', countOf)
      .option('--collect', 'upgrade: leave out what cannot be converted, and list it'),
  async run({ name: action, rest, options, output }) {
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined
    if (!act) {
      throw new RowshiftError('INVALID_USAGE', {
        message: `there is no action "${action}". Choose from: ${Object.keys(actions).join(', ')}.`,
      })
    }
    const found = await loadVersions(options.file ?? defaultVersionFiles)
    return act(found, rest, options, output)
  },
}

type Action = (
  found: readonly FoundVersions[],
  given: readonly string[],
  options: VersionsOptions,
  output: Output,
) => Answer | Promise<Answer>

const actions: Readonly<Record<string, Action>> = {
  list(found) {
    const all = found.map(({ history, file }) => ({ name: history.name, versions: history.versions, file }))
    const lines = columns(all.map(({ name, versions: list, file }) => [name, list.join(' -> '), file]))
    return { exitCode: exitCodes.done, json: all, lines }
  },

  path(found, given) {
    const [name, from, to] = take(given, ['name', 'from', 'to'])
    const { versions: of } = versionsNamed(found, name)
    const path = (of as Untyped).path(from, to)
    const lines = columns(
      path.map((step) => [
        `${step.from} -> ${step.to}`,
        step.isAutomatic ? 'automatic' : 'function',
        step.dropped.length > 0 ? `drops ${step.dropped.join(', ')}` : '',
        step.filled.length > 0 ? `fills ${step.filled.join(', ')}` : '',
      ]),
    )
    return { exitCode: exitCodes.done, json: path, lines: lines.length > 0 ? lines : [`${from} is ${to}.`] }
  },

  diff(found, given) {
    const [name, from, to] = take(given, ['name', 'from', 'to'])
    const diff = diffHistory(versionsNamed(found, name).history, from, to)
    const proposal = proposeStep(diff)
    const lines = [diffMarkdown(diff), '## Proposed step\n', '```ts', proposal, '```']
    return { exitCode: exitCodes.done, json: { ...diff, proposal }, lines }
  },

  export(found, given) {
    const [name, version] = take(given, ['name', 'version'])
    const json = schemaOfVersion(versionsNamed(found, name).history, version)
    return { exitCode: exitCodes.done, json, lines: [JSON.stringify(json, null, 2)] }
  },

  async validate(found, given, { stamp, key, workers }, output) {
    const [name, version, file] = take(given, ['name', 'version', 'file'])
    const { history, versions: of, file: module } = versionsNamed(found, name)
    const stream = (of as Untyped).convertStream(recordsOf(history, file, version) as never, {
      from: fromOf(version, stamp),
      to: version,
      onError: 'collect',
      ...(key !== undefined && { key }),
      parallel: parallelOf(module, workers),
    })
    for await (const _ of stream);
    return answerFor(file, 'valid', stream, output)
  },

  async bench(found, given, { stamp, records = defaultSample }) {
    const [name, from, to, file] = take(given, ['name', 'from', 'to', 'file'])
    const { history, versions: of, file: module } = versionsNamed(found, name)
    history.requireShape(from)
    history.requireShape(to)
    const sample = await firstOf(records, recordsOf(history, file, fromOf(from, stamp)))
    if (sample.length === 0) throw new RowshiftError('INVALID_USAGE', { message: `${file} has no records to try.` })
    const advice = await measureConversion(of as Untyped, sample, { from: fromOf(from, stamp), to }, module)
    return { exitCode: exitCodes.done, json: { file, ...advice }, lines: adviceLines(advice, file) }
  },

  async upgrade(found, given, { stamp, key, collect, workers }, output) {
    const [name, from, to, input, file] = take(given, ['name', 'from', 'to', 'input', 'output'])
    const { history, versions: of, file: module } = versionsNamed(found, name)
    history.requireShape(from)
    const converted = await convertFile(of as Untyped, {
      input,
      output: file,
      from: fromOf(from, stamp),
      to,
      onError: collect ? 'collect' : 'throw',
      ...(key !== undefined && { key }),
      parallel: parallelOf(module, workers),
    })
    return answerFor(file, 'written', converted, output)
  },
}

function adviceLines({ records, measures, recommended, worthFrom }: ConversionAdvice, file: string): readonly string[] {
  const wayOf = ({ workers, chunk }: ConversionMeasure) =>
    chunk === null ? ['no threads', ''] : [`${workers} threads`, `chunks of ${chunk}`]
  const rows = measures.map((one) => [
    `  ${wayOf(one)[0]}`,
    wayOf(one)[1]!,
    `${one.recordsPerSecond.toLocaleString('en-US')} records/s`,
    `start ${one.startSeconds.toFixed(1)}s`,
  ])
  const advice =
    recommended.chunk === null
      ? 'Fastest: no threads.'
      : `Fastest: \`--workers ${recommended.workers}\`, \`chunk: ${recommended.chunk}\`, from ${counted(worthFrom, 'record')} on.`
  return [`${file}  ${counted(records, 'record')} tried, nothing was written`, ...columns(rows), advice]
}

async function firstOf<T>(count: number, source: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const one of source) {
    taken.push(one)
    if (taken.length === count) break
  }
  return taken
}

const fromOf = (from: string, stamp: string | undefined): string | StampedVersion<string> =>
  stamp === undefined ? from : { key: stamp, none: from }

const parallelOf = (module: string, workers: VersionsOptions['workers']): Parallel | undefined =>
  workers === undefined ? undefined : { module, ...(workers !== 'auto' && { workers }) }

function countOf(value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value)
  throw new InvalidArgumentError('Give a whole number from 1.')
}

function workersOf(value: string): number | 'auto' {
  return value === 'auto' ? value : countOf(value)
}

/** @throws RowshiftError INVALID_USAGE */
function take<const N extends readonly string[]>(given: readonly string[], names: N): { [K in keyof N]: string } {
  if (given.length === names.length) return given as { [K in keyof N]: string }
  throw new RowshiftError('INVALID_USAGE', { message: `give ${names.map((name) => `<${name}>`).join(' ')}.` })
}

function answerFor(
  file: string,
  done: string,
  { report, failures }: Pick<Awaited<ReturnType<typeof convertFile>>, 'report' | 'failures'>,
  { paint }: Output,
): Answer {
  const json = {
    file,
    report,
    failures: failures.map(({ index, key, version, step, findings, error }) => ({
      index,
      key,
      version,
      step,
      code: error.code,
      findings,
    })),
  }
  const lines = [
    `${file}  ${counted(report.converted, 'record')} ${done}, ${report.failed} failed`,
    ...report.steps.map(({ from, to, records }) => `  ${from} -> ${to}  ${counted(records, 'record')}`),
    ...failures.slice(0, listed).map((failure) => paint.red(`  ${lineOf(failure)}`)),
    ...(failures.length > listed ? [paint.dim(`  ${failures.length - listed} more: --json`)] : []),
  ]
  return { exitCode: report.failed > 0 ? exitCodes.failed : exitCodes.done, json, lines }
}

function lineOf({ index, key, error, findings }: RecordFailure): string {
  const place = key ? `record ${index} (${key.map(String).join(', ')})` : `record ${index}`
  const words = findings.map(({ path, message }) => `${path || 'record'}: ${message}`)
  return `${place}  ${words.length > 0 ? words.join('; ') : error.message}`
}
