/** Names of the servers, ours first; `compared` only where another build of ours is measured beside it. */
export const CONTENDER_NAMES = ['webhook', 'compared', 'bare', 'fastify', 'fastify+pino'] as const;

/** The name of a server. */
export type ContenderName = (typeof CONTENDER_NAMES)[number];

/** A server that is measured. */
export interface Contender {
  readonly name: ContenderName;
  /** What Node runs, without `--cert` and `--key` of ours or the two files of a baseline. */
  readonly script: string;
  readonly isWebhook: boolean;
}

/** The path that every request is posted to. */
export const ADMISSION_PATH = '/mutate/enforce/gvisor';

/** Arguments of Node for a server: ours as its Deployment starts it, but on a free port of loopback. */
export function nodeArguments(
  { script, isWebhook }: Contender,
  pair: { readonly certificateFile: string; readonly keyFile: string },
): readonly string[] {
  if (!isWebhook) return [script, pair.certificateFile, pair.keyFile];
  return [
    script,
    'serve',
    `--cert=${pair.certificateFile}`,
    `--key=${pair.keyFile}`,
    '--host=127.0.0.1',
    '--port=0',
    '--metrics-port=0',
    '--drain-seconds=0',
  ];
}
