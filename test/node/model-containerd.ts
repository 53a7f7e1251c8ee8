import type { HostCommandResult } from '../../src/node/systemd/systemd.ts';
import { mergedConfiguration } from './change-toml.ts';

/** The containerd of a model host, and the unit that starts it. */
export interface ModelContainerd {
  readonly version: string;
  readonly unit: string;
  readonly command: readonly [string, ...string[]];
  /** The root file, a path of the host. */
  readonly configuration: string;
  /** Starts it on the host whose root is this folder: what it has loaded, as `config dump` prints it. */
  readonly start: (root: string) => Promise<HostCommandResult>;
  /** What `config dump` says of a root file, a path of the host. */
  readonly dump: (root: string, path: string) => Promise<HostCommandResult>;
}

const CONFIGURATION = '/etc/containerd/config.toml';

/** A few lines in the place of a containerd, which know how files are merged. */
export function modelContainerd(version: string): ModelContainerd {
  return {
    version,
    unit: 'containerd.service',
    command: ['/usr/bin/containerd'],
    configuration: CONFIGURATION,
    start: async root => await dump(root, CONFIGURATION),
    dump,
  };
}

async function dump(root: string, path: string): Promise<HostCommandResult> {
  return { exitCode: 0, stdout: mergedConfiguration(root, path), stderr: '' };
}
