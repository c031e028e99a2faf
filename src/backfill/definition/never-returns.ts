// An arrow function with a block, whose parameters nest at most one level of brackets; a function; a method.
const block =
  /^(?:(?:async\s*)?(?:[\w$]+|\((?:[^()]|\([^()]*\))*\))\s*=>\s*\{|(?:async\s+)?function\b|(?:async\s+)?(?!async\b)[\w$]+\s*\()/

/**
 * Whether a function can only ever return undefined, as in `(row) => { slug: slugify(row.name) }`, which compiles: to
 * JavaScript that is a body with a label. Goes by the text, and says false whenever that leaves a doubt.
 */
export function neverReturns(value: (...args: never) => unknown): boolean {
  const text = String(value)
  return block.test(text) && !/\b(?:return|throw)\b|\[native code\]/.test(text)
}
