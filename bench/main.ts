import { describeError } from '../src/cli/describe-error.ts';
import { EXIT_CODES, UserError } from '../src/errors/user-error.ts';
import { bench } from './bench.ts';

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
const { stdout, stderr } = process;

try {
  process.exitCode = await bench(process.argv.slice(2), { stdout, stderr, signal: controller.signal });
} catch (error) {
  if (!(error instanceof UserError) && !controller.signal.aborted) throw error;
  stderr.write(error instanceof UserError ? describeError(error) : 'stopped\n');
  process.exitCode = error instanceof UserError ? error.exitCode : EXIT_CODES.failed;
}
