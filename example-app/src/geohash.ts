const digits = '0123456789bcdefghjkmnpqrstuvwxyz'

/** A place as nine characters, exact to five metres; near places share a prefix. */
export function geohash(lat: number, lng: number): string {
  const latitudes = [-90, 90] as [number, number]
  const longitudes = [-180, 180] as [number, number]
  let hash = ''
  for (let character = 0; character < 9; character++) {
    let digit = 0
    for (let bit = 0; bit < 5; bit++) {
      // Bits of longitude and latitude take turns: each halves its range.
      const isLongitude = (character * 5 + bit) % 2 === 0
      digit = digit * 2 + halve(isLongitude ? longitudes : latitudes, isLongitude ? lng : lat)
    }
    hash += digits[digit]
  }
  return hash
}

/** Cuts the range to the half that holds the value: 0 the lower, 1 the upper. */
function halve(range: [number, number], value: number): 0 | 1 {
  const middle = (range[0] + range[1]) / 2
  const isUpper = value >= middle
  range[isUpper ? 0 : 1] = middle
  return isUpper ? 1 : 0
}
