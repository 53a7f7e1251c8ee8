import { ClusterError } from './cluster-error.ts';
import { main } from './command.ts';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stop.abort(new ClusterError(`stopped by ${name}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), stop.signal);
} catch (error) {
  const reason: unknown = stop.signal.aborted ? stop.signal.reason : error;
  if (!(reason instanceof ClusterError)) throw reason;
  process.stderr.write(`${[`error: ${reason.message}`, ...reason.details.map(line => `  ${line}`)].join('\n')}\n`);
  process.exitCode = 1;
}
