import type { RunResult } from '../cluster/run-command.ts';
import type { TestHost } from './create-host.ts';

/** Runs our command-line program in a host, as a person there would, whatever its exit code. */
export async function cli(host: TestHost, words: readonly string[]): Promise<RunResult> {
  return await host.node('src/cli/main.ts', words);
}
