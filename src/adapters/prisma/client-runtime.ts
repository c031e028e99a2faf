/* What the runtime of the installed client exports, in 6 as in 7. Undefined where only a driver adapter is installed. */

/** What the client gives and takes for a `Decimal` field, by structure. */
export type DecimalClass = new (text: string) => { toFixed(): string }

interface Nulls {
  readonly DbNull: object
  readonly JsonNull: object
}

interface Runtime extends Partial<Nulls> {
  readonly Decimal?: DecimalClass
  readonly objectEnumValues?: { readonly instances: Nulls }
}

async function load(): Promise<Runtime | undefined> {
  for (const runtime of ['@prisma/client/runtime/client', '@prisma/client/runtime/library']) {
    const loaded: Runtime | undefined = await import(runtime).catch(() => undefined)
    if (loaded?.Decimal) return loaded
  }
  return undefined
}

/** The client's own class for decimals. */
export async function loadDecimal(): Promise<DecimalClass | undefined> {
  return (await load())?.Decimal
}

/** What the client takes for NULL in a `Json` field, where `null` could mean JSON's own as well. */
export async function loadJsonNull(isNullable: boolean): Promise<object | undefined> {
  const runtime = await load()
  const nulls = runtime?.objectEnumValues?.instances ?? runtime
  return isNullable ? nulls?.DbNull : nulls?.JsonNull
}
