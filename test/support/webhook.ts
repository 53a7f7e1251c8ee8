import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/certificates/clock.ts';
import { makeDevelopmentCertificates } from '../../src/certificates/development-certificates.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { createLog } from '../../src/record/log.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/webhook/limits.ts';
import { startWebhook, type Webhook } from '../../src/webhook/webhook.ts';

/** Certificates are made once a test file: they cost more than everything else. */
export const certificates = await makeDevelopmentCertificates({
  now: new Date(),
  dnsNames: ['gvisor-injector.gvisor-injector.svc'],
  ipAddresses: ['127.0.0.1'],
  days: 2,
});

export interface TestWebhookOptions {
  readonly policyText?: string;
  readonly limits?: Partial<Limits>;
  readonly clientAuthority?: string;
  readonly requireClientCertificate?: boolean;
  /** Start without files for the certificate. */
  readonly withoutCertificate?: boolean;
}

/** A real webhook on loopback, with what it logged. */
export interface TestWebhook extends AsyncDisposable {
  readonly webhook: Webhook;
  readonly port: number;
  readonly metricsPort: number;
  readonly folder: string;
  /** Every line so far, parsed. */
  readonly lines: () => readonly Record<string, unknown>[];
  /** Every line so far, as written. */
  readonly rawLines: readonly string[];
  readonly post: (path: string, body: string | Buffer, options?: PostOptions) => Promise<Answer>;
}

export interface PostOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export async function startTestWebhook(options: TestWebhookOptions = {}): Promise<TestWebhook> {
  const folder = await mkdtemp(join(tmpdir(), 'gvisor-injector-test-'));
  const certificateFile = join(folder, 'tls.crt');
  const keyFile = join(folder, 'tls.key');
  if (options.withoutCertificate !== true) {
    await writeFile(certificateFile, certificates.serving.certificate);
    await writeFile(keyFile, certificates.serving.key);
  }
  const rawLines: string[] = [];
  const document = parsePolicyDocument(options.policyText ?? DEFAULT_POLICY_TEXT, {
    file: 'policy.yaml',
    namespace: DEFAULT_NAMESPACE,
  });
  const webhook = await startWebhook({
    policy: document.policy,
    policyDigest: document.digest,
    certificateFile,
    keyFile,
    clientAuthority: options.clientAuthority,
    requireClientCertificate: options.requireClientCertificate ?? false,
    webhook: { host: '127.0.0.1', port: 0 },
    metrics: { host: '127.0.0.1', port: 0 },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    log: createLog({ write: line => void rawLines.push(line) }),
    clock: systemClock,
  });
  const port = portOf(webhook.address);
  const agent = trustingAgent({ keepAlive: true });
  let isStopped = false;
  return {
    webhook: {
      ...webhook,
      stop: async milliseconds => {
        isStopped = true;
        await webhook.stop(milliseconds);
      },
    },
    port,
    metricsPort: portOf(webhook.metricsAddress),
    folder,
    rawLines,
    lines: () => rawLines.map(parseObject),
    post: (path, body, post = {}) =>
      send({ port, path, method: post.method ?? 'POST', agent: post.agent ?? agent, ...headersOf(post) }, body),
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      if (!isStopped) await webhook.stop(0);
      await rm(folder, { recursive: true });
    },
  };
}

/** An agent that trusts the test authority and expects the webhook's Service name, as the API server does. */
export function trustingAgent(options: {
  keepAlive: boolean;
  maxSockets?: number;
  cert?: string;
  key?: string;
}): Agent {
  return new Agent({ ca: certificates.ca, servername: 'gvisor-injector.gvisor-injector.svc', ...options });
}

/** One request to loopback, to the end of its answer. */
export async function send(options: RequestOptions, body: string | Buffer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpsRequest({ host: '127.0.0.1', ...options }, response => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
    });
  });
  request.on('error', reject);
  request.end(body);
  return await promise;
}

/** A JSON text that must hold an object. */
export function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`no JSON object: ${text}`);
  return { ...value };
}

function headersOf({ headers }: PostOptions): RequestOptions {
  return { headers: { 'content-type': 'application/json', ...headers } };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
