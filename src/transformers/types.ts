/** `R` as one object type, for messages and editors. */
type Flat<R> = { [K in keyof R]: R[K] }

/** `R` with the fields `F` of type `V`. */
export type With<R, F extends PropertyKey, V> = Flat<Omit<R, F> & { [K in F]: V }>

/** `R` with its field `A` under the name `B`, optional if it was. */
export type Renamed<R, A extends keyof R, B extends PropertyKey> = Flat<
  Omit<R, A | B> & { [K in A as B]: R[K] } & (undefined extends R[A] ? unknown : { [K in B]: R[A] })
>

/** Rows that have a field, which may be empty: of `V`, null or undefined. */
export type Having<F extends PropertyKey, V> = { readonly [K in F]?: V | null | undefined }

/** What of a field's type says that it may be empty. */
export type EmptyOf<R, F extends PropertyKey> = F extends keyof R ? Extract<R[F], null | undefined> : undefined
