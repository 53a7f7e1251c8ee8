import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import type { ProofOptions } from '../../src/node/proof/run-proof.ts';
import { request } from './proof-values.ts';

/** Of the Pod of a proof. */
export const UID = '0a1b2c3d-1111-2222-3333-444455556666';
/** Its cgroup, by systemd. */
export const POD_SLICE = `/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`;
/** A host with version 2 on which that Pod runs. */
export const VERSION_2 = {
  '/sys/fs/cgroup/cgroup.controllers': 'cpu memory',
  [`${POD_SLICE}/memory.max`]: '268435456\n',
  [`${POD_SLICE}/memory.current`]: '62914560\n',
  [`${POD_SLICE}/cpu.max`]: '105000 100000\n',
};

/** A host with these files, and a way to change one. */
export function hostWith(t: Test, files: Readonly<Record<string, string>>) {
  const root = t.testdir();
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  for (const [path, content] of Object.entries(files)) write(path, content);
  return { files: openHostFiles(root), write };
}

/** CRI with the sandbox of the proof. */
export const runtime: ProofOptions['runtime'] = {
  sandboxes: async () => [
    { id: 'other', namespace: 'default', name: 'x', handler: '', ready: true },
    { id: 's1', namespace: request.namespace, name: 'p', handler: 'runsc', ready: true },
  ],
  sandbox: async () => ({ runtimeType: 'io.containerd.runsc.v1', configPath: undefined, process: 7 }),
};
