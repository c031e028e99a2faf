/* Pieces of source code, for what writes definitions and migrations. */

/** A text as a TypeScript literal. */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}

/** A name as a member of an object literal: quoted if it must be. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name)
}

/** SQL as a template literal. */
export function template(text: string): string {
  return `\`${text.replaceAll('\\', '\\\\').replaceAll('`', '\\`').replaceAll('${', '\\${')}\``
}

export const wordsOf = (text: string): string[] => text.split(/[^\p{L}\p{N}]+/u).filter(Boolean)

/** `city-slug` is `CitySlug`. */
export function pascal(text: string): string {
  const joined = wordsOf(text)
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join('')
  return /^\p{N}/u.test(joined) ? `_${joined}` : joined
}
