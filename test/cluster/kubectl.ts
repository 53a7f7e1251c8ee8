import { join } from 'node:path';
import type { ProgramFolders } from './go-programs.ts';
import { ADMIN_KUBECONFIG } from './layout.ts';
import { runCommand, type RunOptions, type RunResult, tryCommand } from './run-command.ts';

/** kubectl as the cluster's administrator. */
export interface Kubectl {
  /** It must succeed; returns its standard output. @throws {ClusterError} */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<string>;
  /** Whatever its exit code. */
  readonly attempt: (args: readonly string[], options?: RunOptions) => Promise<RunResult>;
  /** Creates an object, or several in a List. */
  readonly create: (object: object) => Promise<RunResult>;
}

/** kubectl of the version that was built. */
export function createKubectl(folders: ProgramFolders): Kubectl {
  const program = join(folders.kubernetes, 'kubectl');
  const base = ['--kubeconfig', ADMIN_KUBECONFIG];
  const attempt: Kubectl['attempt'] = async (args, options = {}) =>
    await tryCommand(program, [...base, ...args], options);
  return {
    attempt,
    run: async (args, options = {}) => await runCommand(program, [...base, ...args], options),
    create: async object => await attempt(['create', '-f', '-'], { input: JSON.stringify(object) }),
  };
}
