import type { CgroupDriver } from '../node/host/host.ts';
import { choiceFlag, type Flags, namespaceFlag, usageError } from './flags.ts';
import { rootFlag } from './node-flags.ts';
import { PAYLOAD_FLAGS } from './node-payload-flags.ts';

/** The flags that the agent hands on to each of its steps. */
export const STEP_FLAGS = {
  ...PAYLOAD_FLAGS,
  policy: 'string',
  namespace: 'string',
  root: 'string',
  'cgroup-driver': 'string',
} as const;

/** Their help. */
export const STEP_FLAGS_HELP = `      --root DIR              where the host's root is (default: /)
  -f, --policy FILE           the policy (default: the built-in one)
  -n, --namespace NAME        the webhook's namespace, from which those of the agent and of the proofs follow
      --cgroup-driver DRIVER  systemd or cgroupfs, where the host does not say it`;

/** What the agent and its steps are told alike. */
export interface StepSettings {
  readonly root: string;
  readonly namespace: string;
  readonly cgroupDriver: CgroupDriver | undefined;
}

/** Reads them. @throws {UserError} BadUsage */
export function stepSettings(command: string, flags: Flags<typeof STEP_FLAGS>): StepSettings {
  const driver = flags['cgroup-driver'];
  return {
    root: rootFlag(command, flags.root),
    namespace: namespaceFlag(command, flags.namespace),
    cgroupDriver:
      driver === undefined
        ? undefined
        : choiceFlag(command, { name: 'cgroup-driver', value: driver, choices: ['systemd', 'cgroupfs'] }),
  };
}

/** The flags again, as words, for the process of a step. */
export function stepWords(flags: Flags<typeof STEP_FLAGS>): readonly string[] {
  return Object.keys(STEP_FLAGS).flatMap(name => {
    const value = Object.entries(flags).find(([given]) => given === name)?.[1];
    return typeof value === 'string' ? [`--${name}=${value}`] : [];
  });
}

/** A variable that the DaemonSet gives the agent. @throws {UserError} BadUsage when it is not set */
export function variable(
  command: string,
  environment: Readonly<Record<string, string | undefined>>,
  name: 'NODE_NAME' | 'POD_NAME' | 'POD_NAMESPACE',
): string {
  const value = environment[name];
  if (value !== undefined && value !== '') return value;
  throw usageError(command, `The environment variable ${name} is not set`, 'The DaemonSet sets it by the Downward API');
}
