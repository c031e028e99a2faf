/** Tells the story, line by line. */
export class Narrator {
  #chapters = 0

  constructor(private readonly out: NodeJS.WritableStream) {}

  /** A numbered headline. */
  chapter(title: string): void {
    this.line(`\n${++this.#chapters}  ${title}`)
  }

  /** A command, as it can be typed in the example's folder. */
  command(text: string): void {
    this.line(`   $ ${text}`)
  }

  /** What has happened. */
  say(text: string): void {
    this.line(text.replace(/^/gm, '     '))
  }

  line(text: string): void {
    this.out.write(`${text}\n`)
  }
}

/** A long line in several. */
export const wrap = (text: string): string => text.replace(/(.{60,100}) /g, '$1\n')

/** `171,075` */
export const count = (n: number): string => n.toLocaleString('en-US')

/** `49.6%`: rounded down, so that 100% is all of it. */
export const percent = (fraction: number): string => `${(Math.floor(fraction * 1000) / 10).toFixed(1)}%`

/** `1.2 s` */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
