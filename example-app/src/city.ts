import { SchemaVersion } from 'rowshift'
import { Column, Entity, PrimaryColumn } from 'typeorm'
import { city } from './versions/city.js'

/** A city, as the application knows it today. */
@Entity()
@SchemaVersion('3.0.0', { of: city })
export class City {
  @PrimaryColumn({ type: 'integer' })
  id!: number

  @Column({ type: 'varchar', length: 150 })
  name!: string

  /** ISO 3166: `PT`. */
  @Column({ type: 'varchar', length: 2 })
  country!: string

  @Column({ type: 'varchar', length: 20 })
  admin1!: string

  @Column({ type: 'double precision' })
  lat!: number

  @Column({ type: 'double precision' })
  lng!: number

  @Column({ type: 'integer', nullable: true })
  population!: number | null

  /** New in 2.0.0: the city's address on the web, `sao-tome`. */
  @Column({ type: 'varchar', length: 150, unique: true })
  slug!: string

  /** New in 3.0.0: what people type, `sao tome st`. */
  @Column({ name: 'search_name', type: 'varchar', length: 150 })
  searchName!: string

  /** New in 3.0.0: near cities share a prefix, `s0jvc2nm8`. */
  @Column({ type: 'varchar', length: 9 })
  geohash!: string
}
