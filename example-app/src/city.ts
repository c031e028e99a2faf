import { Column, Entity, PrimaryColumn } from 'typeorm'

/** A city, as version 2 of the application knows it. */
@Entity()
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

  /** New in version 2: the city's address on the web, `sao-tome`. */
  @Column({ type: 'varchar', length: 150, unique: true })
  slug!: string

  /** New in version 2: what people type, `sao tome st`. */
  @Column({ name: 'search_name', type: 'varchar', length: 150 })
  searchName!: string

  /** New in version 2: near cities share a prefix, `s0jvc2nm8`. */
  @Column({ type: 'varchar', length: 9 })
  geohash!: string
}
