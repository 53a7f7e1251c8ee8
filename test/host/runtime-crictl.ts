import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import type { NspawnMachine } from '../machine/nspawn-machine.ts';

/** A machine with a containerd that has a handler of gVisor's, and the image for sandboxes. */
export interface RuntimeNode {
  readonly machine: Pick<NspawnMachine, 'leader' | 'run' | 'tryRun'>;
  /** Path of crictl in the machine. */
  readonly crictl: string;
  /** The handler of gVisor's. */
  readonly handler: string;
  /** The runsc.toml that its options name. */
  readonly configPath: string;
  /** An image of the machine with `/bin/sleep` and `cat`. */
  readonly image: string;
}

/** The sandbox that {@link runSandbox} makes. */
export const OTHER_SANDBOX = { name: 'other', namespace: 'default' } as const;

const POD = { metadata: { ...OTHER_SANDBOX, uid: 'other', attempt: 0 }, linux: {} } as const;
const FOLDER = '/run';

/** Runs crictl in the machine. Returns its output. @throws {ClusterError} */
export async function crictl({ machine, crictl: program }: RuntimeNode, words: readonly string[]): Promise<string> {
  return await machine.run([program, ...words]);
}

/** Runs crictl, whose output is one JSON object. */
export async function crictlJson(node: RuntimeNode, words: readonly string[]): Promise<JsonObject> {
  const value: unknown = JSON.parse(await crictl(node, words));
  if (!isJsonObject(value)) throw new TypeError(`crictl ${words.join(' ')} gave no JSON object`);
  return value;
}

/** The value at a path of members, or undefined. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const key of path) found = isJsonObject(found) ? member(found, key) : undefined;
  return found;
}

/** Starts a sandbox by a handler. Returns its id. */
export async function runSandbox(node: RuntimeNode, handler: string): Promise<string> {
  return (await crictl(node, ['runp', `--runtime=${handler}`, await writeJson(node, 'pod', POD)])).trim();
}

/** What `/proc/version` says in a container of a sandbox by a handler. All of it is made and removed by crictl. */
export async function kernelOf(node: RuntimeNode, handler: string): Promise<string> {
  const sandbox = await runSandbox(node, handler);
  try {
    const container = {
      metadata: { name: 'kernel' },
      image: { image: node.image },
      command: ['/bin/sleep', '1000'],
      linux: {},
    };
    const files = [await writeJson(node, 'container', container), await writeJson(node, 'pod', POD)];
    const id = (await crictl(node, ['create', sandbox, ...files])).trim();
    await crictl(node, ['start', id]);
    return (await crictl(node, ['exec', id, 'cat', '/proc/version'])).trim();
  } finally {
    await crictl(node, ['rmp', '--force', sandbox]);
  }
}

async function writeJson({ machine }: RuntimeNode, name: string, value: object): Promise<string> {
  const path = `${FOLDER}/runtime-check-${name}.json`;
  await machine.run(['sh', '-c', `cat >${path}`], { input: JSON.stringify(value) });
  return path;
}
