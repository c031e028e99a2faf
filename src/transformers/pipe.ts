/**
 * Takes a value through functions, the first one first; each is typed by what the one before gives.
 *
 *   upgrade(UserV1, UserV2, (user) => pipe(user, rename('name', 'firstName'), trim('firstName'), fallback('role', 'user')))
 */
export function pipe<A>(value: A): A
export function pipe<A, B>(value: A, ab: (a: A) => B): B
export function pipe<A, B, C>(value: A, ab: (a: A) => B, bc: (b: B) => C): C
export function pipe<A, B, C, D>(value: A, ab: (a: A) => B, bc: (b: B) => C, cd: (c: C) => D): D
export function pipe<A, B, C, D, E>(value: A, ab: (a: A) => B, bc: (b: B) => C, cd: (c: C) => D, de: (d: D) => E): E
export function pipe<A, B, C, D, E, F>(
  value: A,
  ab: (a: A) => B,
  bc: (b: B) => C,
  cd: (c: C) => D,
  de: (d: D) => E,
  ef: (e: E) => F,
): F
export function pipe<A, B, C, D, E, F, G>(
  value: A,
  ab: (a: A) => B,
  bc: (b: B) => C,
  cd: (c: C) => D,
  de: (d: D) => E,
  ef: (e: E) => F,
  fg: (f: F) => G,
): G
export function pipe<A, B, C, D, E, F, G, H>(
  value: A,
  ab: (a: A) => B,
  bc: (b: B) => C,
  cd: (c: C) => D,
  de: (d: D) => E,
  ef: (e: E) => F,
  fg: (f: F) => G,
  gh: (g: G) => H,
): H
export function pipe(value: unknown, ...functions: readonly ((value: unknown) => unknown)[]): unknown {
  let result = value
  for (const apply of functions) result = apply(result)
  return result
}
