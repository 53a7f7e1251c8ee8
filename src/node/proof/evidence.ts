import * as v from 'valibot';
import { printable } from '../../policy/printable.ts';

/** What one attempt came to: `ok`, or the system's word for why not, such as `ETIMEDOUT`. */
const attempt = v.pipe(v.string(), v.maxLength(60));

const EvidenceSchema = v.object({
  version: v.literal(1),
  /** /proc/version. */
  kernelVersion: v.string(),
  /** /proc/sys/kernel/osrelease. */
  kernelRelease: v.string(),
  /** /proc/gvisor is there, as it is in gVisor from August 2026 on. */
  hasGvisorFolder: v.boolean(),
  /** A byte over TCP to ourselves and back. */
  loopback: attempt,
  /** A connection to the API server's address; policies of the cluster may well forbid it. */
  apiServer: attempt,
  /** The name `kubernetes.default.svc`, looked up. */
  dns: attempt,
  interfaces: v.array(v.object({ name: v.string(), addresses: v.array(v.string()) })),
  /** Memory and processors as the sandbox shows them. */
  memoryBytes: v.number(),
  processors: v.number(),
});

/** What a program sees that runs in a proof: gathered inside, judged outside. */
export type Evidence = v.InferOutput<typeof EvidenceSchema>;

/** What the program of a proof works with. */
export interface EvidenceSurroundings {
  /** A file as text; undefined when it cannot be read. */
  readonly read: (path: string) => Promise<string | undefined>;
  readonly hasFolder: (path: string) => Promise<boolean>;
  /** Each settles with `ok` or why not, within seconds. */
  readonly loopback: () => Promise<string>;
  readonly connect: (host: string, port: number) => Promise<string>;
  readonly lookUp: (name: string) => Promise<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly interfaces: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly memoryBytes: number;
  readonly processors: number;
}

/** The kubelet cuts what is longer from a termination message, and then it is no JSON. */
export const EVIDENCE_BYTES = 4096;

/** With all of these at their longest, and every character three bytes of UTF-8, the text stays below that. */
const LONGEST_VERSION = 250;
const LONGEST_WORD = 40;
const LONGEST_ADDRESS = 46;
const MOST_INTERFACES = 4;
const MOST_ADDRESSES = 2;

/** Gathers the evidence. Nothing that it asks may fail: what does not answer is evidence too. */
export async function gatherEvidence(surroundings: EvidenceSurroundings): Promise<Evidence> {
  const { read, hasFolder, loopback, connect, lookUp, environment, interfaces } = surroundings;
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = Number(environment['KUBERNETES_SERVICE_PORT'] ?? 443);
  const [kernelVersion, kernelRelease, hasGvisorFolder, ...attempts] = await Promise.all([
    read('/proc/version'),
    read('/proc/sys/kernel/osrelease'),
    hasFolder('/proc/gvisor'),
    loopback(),
    host === undefined ? 'no address' : connect(host, port),
    lookUp('kubernetes.default.svc'),
  ]);
  const [loop = '', apiServer = '', dns = ''] = attempts.map(text => printable(text, LONGEST_WORD));
  return {
    version: 1,
    kernelVersion: printable((kernelVersion ?? '').trim(), LONGEST_VERSION),
    kernelRelease: printable((kernelRelease ?? '').trim(), LONGEST_WORD),
    hasGvisorFolder,
    loopback: loop,
    apiServer,
    dns,
    interfaces: interfaces.slice(0, MOST_INTERFACES).map(({ name, addresses }) => ({
      name: printable(name, LONGEST_WORD),
      addresses: addresses.slice(0, MOST_ADDRESSES).map(address => printable(address, LONGEST_ADDRESS)),
    })),
    memoryBytes: surroundings.memoryBytes,
    processors: surroundings.processors,
  };
}

/** Evidence as a termination message, of at most {@link EVIDENCE_BYTES} bytes. */
export function evidenceText(evidence: Evidence): string {
  return JSON.stringify(evidence);
}

/** Evidence from a termination message; undefined when it is none. */
export function parseEvidence(message: string): Evidence | undefined {
  try {
    const result = v.safeParse(EvidenceSchema, JSON.parse(message));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
