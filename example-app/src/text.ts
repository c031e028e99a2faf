/** Without accents, in lower case: `São Tomé` becomes `sao tome`. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

/** For an address on the web: `sao-tome`. Names without a Latin letter become `city`. */
export function slugify(name: string): string {
  const slug = fold(name)
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return slug || 'city'
}

/** What people type to find a city: `sao tome st`. */
export function searchName(name: string, country: string): string {
  return `${fold(name)} ${country.toLowerCase()}`
}
