import { basename, isAbsolute, join } from 'node:path/posix';
import type { Refusal } from '../reason.ts';
import type { Layout } from './layout.ts';

const DEFAULT_CONFIGURATION = '/etc/containerd/config.toml';
const DEFAULT_SOCKET = '/run/containerd/containerd.sock';
const RANCHER_SOCKET = '/run/k3s/containerd/containerd.sock';

/** The flags of containerd that say where things are; they take a value (containerd: cmd/containerd/command/main.go). */
const CONFIGURATION_FLAGS = ['config', 'c'] as const;
const ADDRESS_FLAGS = ['address', 'a'] as const;
const DATA_FLAGS = ['data-dir', 'd'] as const;

/** One unit that is active, and how it starts its program. */
export interface StartedUnit {
  readonly unit: string;
  readonly command: readonly string[];
  readonly environment: readonly string[];
}

/** The layout of a host whose containerd is a unit of its own: all of it is in the unit's ExecStart. */
export function containerdLayout({ unit, command }: StartedUnit): Layout | Refusal {
  const [program = '', ...args] = command;
  const variable = args.find(argument => argument.includes('$'));
  if (basename(program) !== 'containerd' || !isAbsolute(program)) {
    return unclear(unit, `starts '${program}', which is not containerd itself`);
  }
  if (variable !== undefined) return unclear(unit, `takes arguments from a variable, '${variable}'`);
  const configuration = flagValue(args, CONFIGURATION_FLAGS) ?? DEFAULT_CONFIGURATION;
  return {
    name: 'containerd',
    unit,
    // A unit's working folder is the root, unless it says otherwise.
    configuration: join('/', configuration),
    socket: flagValue(args, ADDRESS_FLAGS) ?? DEFAULT_SOCKET,
    program,
    tried: true,
  };
}

/** The layout of a host whose containerd is started by k3s or RKE2, below their data folder. */
export function rancherLayout(name: 'k3s' | 'rke2', { unit, command, environment }: StartedUnit): Layout | Refusal {
  const foreign = command.find(argument => /^--(docker|container-runtime-endpoint)\b/.test(argument));
  if (foreign !== undefined) return unclear(unit, `is started with ${foreign}: it uses a container runtime of others`);
  const prefix = `${name.toUpperCase()}_DATA_DIR=`;
  const fromEnvironment = environment.find(entry => entry.startsWith(prefix))?.slice(prefix.length);
  const data = flagValue(command.slice(1), DATA_FLAGS) ?? fromEnvironment ?? `/var/lib/rancher/${name}`;
  return {
    name,
    unit,
    configuration: join('/', data, 'agent/etc/containerd/config.toml'),
    socket: RANCHER_SOCKET,
    program: join('/', data, name === 'k3s' ? 'data/current/bin/containerd' : 'bin/containerd'),
    tried: false,
  };
}

/** The last value of a flag, written as `--flag value`, `--flag=value` or with one dash. */
function flagValue(args: readonly string[], names: readonly string[]): string | undefined {
  let value: string | undefined;
  for (const [index, argument] of args.entries()) {
    const [, name, , joined] = /^--?([a-z-]+)(=(.*))?$/s.exec(argument) ?? [];
    if (name !== undefined && names.includes(name)) value = joined ?? args[index + 1];
  }
  return value;
}

function unclear(unit: string, what: string): Refusal {
  return {
    reason: 'LayoutUnsupported',
    sentence: `${unit} ${what}, so it is not known which configuration is read`,
    hint: 'Let ExecStart name the program and its arguments as they are',
  };
}
