/** What the test cluster could not do: an expected failure, shown without a stack trace. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  /** The last lines of the log concerned, or what the program said. */
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.details = details;
  }
}

/** The last lines of a text, for the details of an error. */
export function lastLines(text: string, count = 15): readonly string[] {
  return text.trimEnd().split('\n').slice(-count);
}
