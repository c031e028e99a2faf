/** How many single-character edits lead from one word to the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
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
