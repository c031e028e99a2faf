const driverCodes = {
  ECONNREFUSED: 'P1001',
  ENOTFOUND: 'P1001',
  '3D000': 'P1003',
  ER_BAD_DB_ERROR: 'P1003',
  ER_ACCESS_DENIED_ERROR: 'P1000',
  '28P01': 'P1000',
  28000: 'P1000',
  42501: 'P1010',
}

/** The error's code as Prisma has it, if it has one. */
export function errorCodeOf({ code = '' }) {
  return /^P\d{4}$/.test(code) ? code : driverCodes[code]
}
