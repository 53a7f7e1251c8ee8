import { describeError } from '../src/cli/describe-error.ts';
import { UserError } from '../src/errors/user-error.ts';
import { makeCertificates } from './make-certificates.ts';

try {
  process.exitCode = await makeCertificates(process.argv.slice(2), { stdout: process.stdout, now: new Date() });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(describeError(error));
  process.exitCode = error.exitCode;
}
