import type { SqlSpelling } from '../sql.js'

export const spelling: SqlSpelling = {
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  placeholder: () => '?',
}
