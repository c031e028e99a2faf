/** One objection to a converted record. */
export interface Finding {
  /** Where: `'address.zip'`, `'tags.0'`; empty for the record as a whole. */
  readonly path: string
  /** What refused it: class-validator's name of the rule (`isEmail`), a column's kind, or the vendor of the schema. */
  readonly rule: string
  /** In the validator's words. They quote the value only where a template of your own does. */
  readonly message: string
}
