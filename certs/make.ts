import { UserError } from '../src/errors/user-error.ts';
import { makeCertificates } from './make-certificates.ts';

try {
  process.exitCode = await makeCertificates(process.argv.slice(2), { stdout: process.stdout, now: new Date() });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  const hint = error.hint === undefined ? [] : [`hint: ${error.hint}`];
  process.stderr.write(`${[`error: ${error.message}`, ...error.details, ...hint].join('\n')}\n`);
  process.exitCode = error.exitCode;
}
