/** A write of the application in `fixtures/writing-app.ts`. */
export type AppWrite =
  | { readonly kind: 'rename'; readonly id: number; readonly name: string }
  | { readonly kind: 'own-slug'; readonly id: number; readonly slug: string }
  | { readonly kind: 'visit' | 'count' | 'delete' | 'take-back'; readonly id: number }
  | { readonly kind: 'insert'; readonly id: number; readonly name: string }

/** What the application has made of a row. */
export interface AppRow {
  name: string
  /** Its own value, which nobody may change; undefined: derived from the name it has. */
  ownSlug: string | undefined
  visits: number
  /** Times it added 1000 to `touched`. */
  counted: number
  /** Whether a slug of its own may have come before the backfill did. */
  mayBeOurs: boolean
}

/** The application's books: what each row must be by its committed writes. */
export class AppAccount {
  readonly rows = new Map<number, AppRow>()

  insert(id: number, name: string): void {
    this.rows.set(id, { name, ownSlug: undefined, visits: 0, counted: 0, mayBeOurs: true })
  }

  apply(write: AppWrite): void {
    if (write.kind === 'insert') return this.insert(write.id, write.name)
    const row = this.rows.get(write.id)!
    switch (write.kind) {
      case 'rename':
        row.name = write.name
        row.ownSlug = undefined
        break
      case 'own-slug':
        row.ownSlug = write.slug
        row.mayBeOurs = false
        break
      case 'visit':
        row.visits++
        break
      case 'count':
        row.counted++
        break
      case 'delete':
        this.rows.delete(write.id)
    }
  }
}
