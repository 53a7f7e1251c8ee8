import { TEST_IMAGE } from '../cluster/test-image.ts';
import type { TestHost } from './create-host.ts';
import { HOST_PATHS } from './layout.ts';
import type { RuntimeNode } from './runtime-crictl.ts';

const HANDLER = 'runsc-by-hand';
const RUNSC_FILE = '/etc/containerd/runsc-by-hand.toml';
const CONFIGURATION = '/etc/containerd/config.toml';
const RUNSC_TEXT = `binary_name = "${HOST_PATHS.gvisor}/runsc"
[runsc_config]
platform = "systrap"
systemd-cgroup = "false"
`;

/** Gives a host a handler of gVisor's by hand, so that nothing of the product is needed to look at its runtime. */
export async function addHandlerByHand({ machine, containerd }: TestHost): Promise<RuntimeNode> {
  const section = containerd === 'module' ? 'io.containerd.cri.v1.runtime' : 'io.containerd.grpc.v1.cri';
  const table = `plugins.'${section}'.containerd.runtimes.${HANDLER}`;
  const entry = `
[${table}]
runtime_type = "io.containerd.runsc.v1"
runtime_path = "${HOST_PATHS.gvisor}/containerd-shim-runsc-v1"
[${table}.options]
TypeUrl = "io.containerd.runsc.v1.options"
ConfigPath = "${RUNSC_FILE}"
`;
  await machine.run(['sh', '-c', `cat >${RUNSC_FILE}`], { input: RUNSC_TEXT });
  await machine.run(['sh', '-c', `cat >>${CONFIGURATION}`], { input: entry });
  await machine.run(['systemctl', 'restart', 'containerd']);
  return {
    machine,
    crictl: `${HOST_PATHS.criTools}/crictl`,
    handler: HANDLER,
    configPath: RUNSC_FILE,
    image: TEST_IMAGE,
  };
}
