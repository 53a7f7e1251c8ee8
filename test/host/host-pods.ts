import { isJsonObject, member } from '../../src/policy/json.ts';
import { TEST_IMAGE } from '../cluster/test-image.ts';
import type { TestHost } from './create-host.ts';
import { HOST_PATHS } from './layout.ts';

const CRICTL = `${HOST_PATHS.criTools}/crictl`;
const FOLDER = '/run/host-pods';

/** A Pod that was made over CRI, without a kubelet: a sandbox with one container that sleeps. */
export interface HostPod {
  readonly container: string;
  /** What `uname -a` says in the container. */
  readonly kernel: string;
  /** As containerd says it of the container. */
  readonly runtimeType: string;
  /** Stops the container and starts another in the same sandbox, as a kubelet does; returns its kernel. */
  restartContainer(): Promise<string>;
  remove(): Promise<void>;
}

/** Makes such a Pod. @throws {ClusterError} */
export async function runPod(
  host: TestHost,
  { name, handler }: { readonly name: string; readonly handler: string },
): Promise<HostPod> {
  const pod = { metadata: { name, namespace: 'default', uid: name, attempt: 0 }, linux: {} };
  const podFile = await writeJson(host, `${name}-pod`, pod);
  const words = handler === '' ? [] : [`--runtime=${handler}`];
  const sandbox = (await host.run([CRICTL, 'runp', ...words, podFile])).trim();
  const start = async (attempt: number): Promise<string> => {
    const container = {
      metadata: { name: 'main', attempt },
      image: { image: TEST_IMAGE },
      command: ['/bin/sleep', '1000'],
      linux: {},
    };
    const file = await writeJson(host, `${name}-container`, container);
    const id = (await host.run([CRICTL, 'create', sandbox, file, podFile])).trim();
    await host.run([CRICTL, 'start', id]);
    return id;
  };
  const container = await start(0);
  return {
    container,
    kernel: await kernelIn(host, container),
    runtimeType: await runtimeTypeOf(host, container),
    restartContainer: async () => {
      await host.run([CRICTL, 'stop', '--timeout', '0', container]);
      return await kernelIn(host, await start(1));
    },
    remove: async () => void (await host.run([CRICTL, 'rmp', '--force', sandbox])),
  };
}

/** True when the container of a Pod runs and answers. */
export async function podRuns(host: TestHost, { container }: HostPod): Promise<boolean> {
  return (await host.tryRun([CRICTL, 'exec', container, 'true'])).code === 0;
}

/** Removes every Pod of the host. */
export async function killPods(host: TestHost): Promise<void> {
  await host.run([CRICTL, 'rmp', '--all', '--force']);
}

async function kernelIn(host: TestHost, container: string): Promise<string> {
  return (await host.run([CRICTL, 'exec', container, 'uname', '-a'])).trim();
}

async function runtimeTypeOf(host: TestHost, container: string): Promise<string> {
  const value: unknown = JSON.parse(await host.run([CRICTL, 'inspect', container]));
  const info = isJsonObject(value) ? member(value, 'info') : undefined;
  return String(isJsonObject(info) ? member(info, 'runtimeType') : undefined);
}

async function writeJson(host: TestHost, name: string, value: object): Promise<string> {
  const path = `${FOLDER}/${name}.json`;
  await host.run(['sh', '-c', `mkdir -p ${FOLDER} && cat >${path}`], { input: JSON.stringify(value) });
  return path;
}
