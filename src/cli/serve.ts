import { once } from 'node:events';
import { parseCABundle } from '../certificates/ca-bundle.ts';
import { systemClock } from '../certificates/clock.ts';
import { EXIT_CODES, systemErrorCode, UserError } from '../errors/user-error.ts';
import { readText } from '../files/read-text.ts';
import { METRICS_PORT, WEBHOOK_PORT } from '../manifest/names.ts';
import { DRAIN_SECONDS } from '../manifest/webhook-container.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import { createLog, descriptorDestination, type LogDestination } from '../record/log.ts';
import { DEFAULT_LIMITS } from '../webhook/limits.ts';
import { startWebhook } from '../webhook/webhook.ts';
import type { Command, CommandIO } from './command.ts';
import { type Flags, integerFlag, namespaceFlag, parseFlags, usageError } from './flags.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'serve';

const FLAGS = {
  policy: 'string',
  cert: 'string',
  key: 'string',
  host: 'string',
  port: 'string',
  'metrics-port': 'string',
  namespace: 'string',
  'client-ca': 'string',
  'require-client-certificate': 'boolean',
  'drain-seconds': 'string',
} as const;

/** Runs the webhook until it is told to stop. */
export const serve: Command = {
  summary: 'answer the API server: the admission webhook',
  help: `gvisor-injector serve --cert tls.crt --key tls.key --policy policy.yaml

Serves the admission webhook over HTTPS until SIGTERM. It needs no access to the Kubernetes API: all that a decision
needs is in the request. One JSON line for each decision goes to stdout.

  --cert FILE                    PEM chain of the serving certificate; read again when it changes
  --key FILE                     PEM key of the serving certificate
  --policy FILE                  the policy; without it one profile, gvisor
  --namespace NAME               namespace of the product, exempt with its companions (${DEFAULT_NAMESPACE})
  --host ADDRESS                 address to listen on (all)
  --port NUMBER                  HTTPS: /mutate/..., /livez, /readyz (${WEBHOOK_PORT})
  --metrics-port NUMBER          HTTP: /metrics, /livez, /readyz (${METRICS_PORT})
  --client-ca FILE               PEM bundle to verify client certificates against
  --require-client-certificate   refuse /mutate without a verified client certificate; probes stay open
  --drain-seconds NUMBER         how long to go on serving, not ready, after SIGTERM (${DRAIN_SECONDS})

A second SIGTERM stops at once.
`,
  run: async (args, io) => {
    const flags = parseFlags(args, { command: NAME, flags: FLAGS });
    const drainSeconds = integer(flags, 'drain-seconds', DRAIN_SECONDS, 3600);
    const broken = new AbortController();
    const destination = logDestination(io, error => broken.abort(unwritable(error)));
    const webhook = await start(flags, destination);
    const stop = AbortSignal.any([io.signal, broken.signal]);
    if (!stop.aborted) await once(stop, 'abort');
    await webhook.stop(broken.signal.aborted ? 0 : drainSeconds * 1000);
    broken.signal.throwIfAborted();
    return EXIT_CODES.done;
  },
};

/** Records are worth more than serving: a webhook whose log is gone stops. */
function logDestination(io: CommandIO, onError: (error: Error) => void): LogDestination {
  if (io.stdoutDescriptor !== undefined) return descriptorDestination(io.stdoutDescriptor, onError);
  io.stdout.on('error', onError);
  return io.stdout;
}

function unwritable(cause: Error): UserError {
  return new UserError('WriteFailed', `Cannot write the log to stdout: ${systemErrorCode(cause)}`, {
    hint: 'Something must read what serve writes, for as long as it runs',
    cause,
  });
}

async function start(flags: Flags<typeof FLAGS>, destination: LogDestination) {
  const { cert, key, host } = flags;
  if (cert === undefined || key === undefined) {
    throw usageError(
      NAME,
      '--cert and --key are needed',
      "For a try without a cluster run 'gvisor-injector demo --serve'",
    );
  }
  const requireClientCertificate = flags['require-client-certificate'] ?? false;
  const clientCA = flags['client-ca'];
  if (requireClientCertificate && clientCA === undefined) {
    throw usageError(NAME, '--require-client-certificate needs --client-ca, or no certificate could be verified');
  }
  const port = integer(flags, 'port', WEBHOOK_PORT, 65_535);
  const metricsPort = integer(flags, 'metrics-port', METRICS_PORT, 65_535);
  const { policy, digest } = await readPolicyFile(flags.policy, namespaceFlag(NAME, flags.namespace));
  return await startWebhook({
    policy,
    policyDigest: digest,
    certificateFile: cert,
    keyFile: key,
    clientAuthority: clientCA === undefined ? undefined : await readAuthority(clientCA),
    requireClientCertificate,
    webhook: { host, port },
    metrics: { host, port: metricsPort },
    limits: DEFAULT_LIMITS,
    log: createLog(destination),
    clock: systemClock,
  });
}

function integer(
  flags: Flags<typeof FLAGS>,
  name: 'port' | 'metrics-port' | 'drain-seconds',
  fallback: number,
  maximum: number,
): number {
  const value = flags[name];
  return value === undefined ? fallback : integerFlag(NAME, { name, value, minimum: 0, maximum });
}

async function readAuthority(file: string): Promise<string> {
  const hint = 'Name a readable PEM bundle with --client-ca, or leave the flag out';
  return parseCABundle(await readText(file, { what: 'the client authorities', hint }), file);
}
