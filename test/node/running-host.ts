import type { Test } from 'tap';
import type { HostFiles } from '../../src/node/host/host-files.ts';
import type { ContainerRuntime } from '../../src/node/runtime/container-runtime.ts';
import type { HostCommand, HostCommandResult, Systemd, UnitState } from '../../src/node/systemd/systemd.ts';
import { dumpOf, hostOf } from './host-value.ts';

/** The files of a host, as `t.testdir()` takes them. */
export type HostTree = NonNullable<Parameters<Test['testdir']>[0]>;

/** What only a running host has. */
export interface RunningHost {
  readonly units?: Readonly<Record<string, Partial<UnitState>>>;
  /** What `config dump` comes to. */
  readonly dump?: HostCommandResult;
  readonly runtime?: Partial<ContainerRuntime>;
  readonly fileSystem?: HostFiles['fileSystem'];
}

const refuse = async (): Promise<never> => await Promise.reject(new Error('nobody should ask this'));

function unitOf(state: Partial<UnitState>): UnitState {
  return { activeState: 'active', command: [], environment: [], activeSince: 1, mainProcess: 1, ...state };
}

/** A systemd that knows these units and answers `config dump`; commands are added to the list. */
export function systemdOf({ units = {}, dump }: RunningHost, commands: HostCommand[] = []): Systemd {
  return {
    unit: async name => {
      const state = units[name];
      return state === undefined ? undefined : unitOf(state);
    },
    run: async command => {
      commands.push(command);
      return dump ?? { exitCode: 0, stdout: dumpOf(), stderr: '' };
    },
    removeFinishedRuns: refuse,
    startService: refuse,
    restart: refuse,
    start: refuse,
    stop: refuse,
    resetFailed: refuse,
    reload: refuse,
    close: async () => undefined,
  };
}

/** A container runtime that answers what reading a host asks; a part of it may be otherwise. */
export function runtimeOf(otherwise: Partial<ContainerRuntime> = {}): ContainerRuntime {
  return {
    version: async () => '2.4.2',
    status: async () => hostOf().runtime,
    cgroupDriver: async () => 'systemd',
    sandboxes: refuse,
    sandbox: refuse,
    startSandbox: refuse,
    removeSandbox: refuse,
    close: () => undefined,
    ...otherwise,
  };
}
