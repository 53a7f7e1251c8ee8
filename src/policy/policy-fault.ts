/** One fault of a policy file. */
export interface PolicyFault {
  /** Keys and indexes from the root of the document to the fault. */
  readonly path: readonly (string | number)[];
  /** True when the fault is the key itself, not its value. */
  readonly atKey: boolean;
  /** What is wrong and what is accepted; one line. */
  readonly message: string;
}
