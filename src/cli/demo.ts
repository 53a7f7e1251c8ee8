import { once } from 'node:events';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../certificates/clock.ts';
import { makeDevelopmentCertificates } from '../certificates/development-certificates.ts';
import { EXIT_CODES } from '../errors/user-error.ts';
import { serviceDnsName } from '../manifest/names.ts';
import { admissionPath } from '../policy/admission-path.ts';
import { isJsonObject, type JsonObject } from '../policy/json.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import { createAuditReducer } from '../record/audit-reducer.ts';
import { createLog } from '../record/log.ts';
import { exampleReview } from '../webhook/example-review.ts';
import { DEFAULT_LIMITS } from '../webhook/limits.ts';
import { startWebhook, type Webhook } from '../webhook/webhook.ts';
import { renderAudit } from './audit-report.ts';
import type { Command, CommandIO } from './command.ts';
import { DemoClient } from './demo-client.ts';
import { renderScenario } from './demo-report.ts';
import { SCENARIOS, type Scenario } from './demo-scenarios.ts';
import { parseFlags } from './flags.ts';
import { readPolicyFile } from './policy-file.ts';

const NAME = 'demo';

/** Shows the product at work without a cluster. */
export const demo: Command = {
  summary: 'see it at work: the real webhook, real questions, no cluster',
  help: `gvisor-injector demo

Starts the real webhook on loopback with throwaway certificates, asks it what an API server would ask, and shows each
decision, the patch and the Pod that comes out of it; then the audit of the records that were written. It ends by
itself and leaves nothing behind.

  --serve   keep the webhook running until Ctrl-C, to ask your own questions
`,
  run: async (args, io) => {
    const flags = parseFlags(args, { command: NAME, flags: { serve: 'boolean' } });
    await using folder = await mkdtempDisposable(join(tmpdir(), 'gvisor-injector-demo-'));
    const lines: string[] = [];
    const { webhook, ca } = await start(folder.path, lines);
    try {
      await show({ io, webhook, ca, lines });
      io.stdout.write(await curlLine({ webhook, folder: folder.path, isServing: flags.serve ?? false }));
      if (flags.serve === true && !io.signal.aborted) await once(io.signal, 'abort');
    } finally {
      await webhook.stop(0);
    }
    return EXIT_CODES.done;
  },
};

async function start(folder: string, lines: string[]): Promise<{ webhook: Webhook; ca: string }> {
  const { ca, serving } = await makeDevelopmentCertificates({
    now: systemClock.now(),
    dnsNames: [serviceDnsName(DEFAULT_NAMESPACE), 'localhost'],
    ipAddresses: ['127.0.0.1'],
    days: 1,
  });
  const files = { ca: join(folder, 'ca.crt'), certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  await writeFile(files.ca, ca);
  await writeFile(files.certificate, serving.certificate);
  await writeFile(files.key, serving.key, { mode: 0o600 });
  const { policy, digest } = await readPolicyFile(undefined, DEFAULT_NAMESPACE);
  const webhook = await startWebhook({
    policy,
    policyDigest: digest,
    certificateFile: files.certificate,
    keyFile: files.key,
    clientAuthority: undefined,
    requireClientCertificate: false,
    webhook: { host: '127.0.0.1', port: 0 },
    metrics: { host: '127.0.0.1', port: 0 },
    limits: DEFAULT_LIMITS,
    log: createLog({ write: line => void lines.push(line) }),
    clock: systemClock,
  });
  return { webhook, ca };
}

interface Show {
  readonly io: CommandIO;
  readonly webhook: Webhook;
  readonly ca: string;
  /** Every log line so far. */
  readonly lines: readonly string[];
}

async function show({ io, webhook, ca, lines }: Show): Promise<void> {
  const port = Number(webhook.address.split(':').at(-1));
  using client = new DemoClient({ ca, serverName: serviceDnsName(DEFAULT_NAMESPACE), port });
  io.stdout.write(
    `The webhook listens on https://${webhook.address}, with a certificate made just now. The API server asks:\n\n`,
  );
  for (const [index, scenario] of SCENARIOS.entries()) {
    const answer = await client.post(admissionPath(scenario.target), reviewOf(scenario, index));
    io.stdout.write(renderScenario(index + 1, scenario, answer, lastLine(lines)));
  }
  const audit = createAuditReducer();
  for (const line of lines) audit.add(line.trimEnd());
  io.stdout.write(`Every decision is on the record. One line of the log:\n\n${lines.at(-1) ?? ''}\n`);
  io.stdout.write(`What 'gvisor-injector audit' makes of the log so far:\n\n${renderAudit(audit.summary())}\n`);
}

function reviewOf({ pod, namespace }: Scenario, index: number): Record<string, unknown> {
  return exampleReview(pod, {
    namespace,
    uid: `demo-${index + 1}`,
    username: 'alice',
    groups: ['system:authenticated'],
  });
}

function lastLine(lines: readonly string[]): JsonObject {
  const record: unknown = JSON.parse(lines.at(-1) ?? '{}');
  return isJsonObject(record) ? record : {};
}

interface CurlLine {
  readonly webhook: Webhook;
  readonly folder: string;
  readonly isServing: boolean;
}

async function curlLine({ webhook, folder, isServing }: CurlLine): Promise<string> {
  const file = join(folder, 'review.json');
  const [scenario] = SCENARIOS;
  if (scenario !== undefined) await writeFile(file, `${JSON.stringify(reviewOf(scenario, 0), null, 2)}\n`);
  const url = `https://${webhook.address}/mutate/enforce/gvisor`;
  const curl = `curl --cacert ${join(folder, 'ca.crt')} -H 'Content-Type: application/json' --data @${file} ${url}`;
  return isServing
    ? `Ask your own question (edit the file first), Ctrl-C ends it:\n\n${curl}\n`
    : `To ask your own question, keep it running: npm run demo -- --serve\nIt then prints a line such as this:\n\n${curl}\n`;
}
