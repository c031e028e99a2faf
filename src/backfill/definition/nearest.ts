/** How many edits lead from one word to the other: a letter added, dropped or replaced, or two neighbours swapped. */
function editDistance(a: string, b: string): number {
  // rows[i][j]: from the first i letters of one word to the first j of the other.
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const [row, above, twoAbove] = [[i], rows[i - 1]!, rows[i - 2]]
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = twoAbove && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? twoAbove[j - 2]! + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(replaced, swapped, above[j]! + 1, row[j - 1]! + 1))
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}

/**
 * The candidate that was probably meant, for "did you mean": a known synonym (keys in lower case), or a word at most a
 * third of its letters away; undefined when nothing is near.
 */
export function nearest(
  word: string,
  candidates: readonly string[],
  synonyms: Readonly<Record<string, string>> = {},
): string | undefined {
  const lower = word.toLowerCase()
  const synonym = Object.hasOwn(synonyms, lower) ? synonyms[lower] : undefined
  if (synonym !== undefined && candidates.includes(synonym)) return synonym
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(lower, candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `Did you mean "where"?`, or the whole choice when nothing is near. */
export function didYouMean(
  word: string,
  candidates: readonly string[],
  synonyms?: Readonly<Record<string, string>>,
): string {
  const guess = nearest(word, candidates, synonyms)
  return guess === undefined ? `Choose from: ${candidates.join(', ')}.` : `Did you mean "${guess}"?`
}

/**
 * How alike two names are, from 0 to 1: by edits, or by the words that they are made of, whichever says more. `firstName` and
 * `first_name` are the same, `name` and `full_name` share a word.
 */
export function similarity(a: string, b: string): number {
  const [words, others] = [wordsOf(a), wordsOf(b)]
  const shared = words.filter((word) => others.includes(word)).length
  const byWords = shared / Math.max(words.length, others.length)
  const [one, other] = [words.join(''), others.join('')]
  const byEdits = 1 - editDistance(one, other) / Math.max(one.length, other.length, 1)
  return Math.round(Math.max(byWords, byEdits) * 100) / 100
}

function wordsOf(name: string): readonly string[] {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return spaced.split(/[^a-z0-9]+/).filter((word) => word !== '')
}
