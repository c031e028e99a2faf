/** A city as the application knows it today, whatever its ORM. */
export interface City {
  id: number
  name: string
  country: string
  admin1: string
  lat: number
  lng: number
  population: number | null
  slug: string
  searchName: string
  geohash: string
}

/** A city as version 1.0.0 knew it. */
export type FirstCity = Pick<City, 'id' | 'name' | 'country' | 'admin1' | 'lat' | 'lng'>

/** The table of cities, as the application uses it through its ORM while it is migrated. */
export interface Cities {
  /** Adds cities to version 1.0.0's table. */
  insert(cities: readonly FirstCity[]): Promise<void>
  /** Those whose columns of version 3.0.0 are filled. */
  countMigrated(): Promise<number>
  /** The first city from `id` on whose columns of version 3.0.0 are empty. */
  nextToMigrate(id: number): Promise<number | undefined>
  /** What version 3.0.0 has to know to fill its columns. */
  find(id: number): Promise<Pick<City, 'country' | 'lat' | 'lng'> | null>
  /** Whether there was such a city. */
  update(id: number, changes: Partial<City>): Promise<boolean>
  /** Changes a name unless the columns of version 3.0.0 are filled: whether it did. */
  renameUnmigrated(id: number, name: string): Promise<boolean>
  /** The slugs of the cities that share the most frequent name, in key order. */
  namesakes(): Promise<{ readonly name: string; readonly slugs: readonly string[] }>
  /** Every city, in key order. */
  all(): Promise<City[]>
}
