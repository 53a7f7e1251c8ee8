import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import type { ChangeContext } from '../../src/node/change/context.ts';
import type { PayloadSupply } from '../../src/node/change/install.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import type { ContainerRuntime, RuntimeSandbox, SandboxDetails } from '../../src/node/runtime/container-runtime.ts';
import type { HostCommand, HostCommandResult, Systemd } from '../../src/node/systemd/systemd.ts';
import { DEFAULT_CONFIGURATION, merge, runtimesOf, type Tree } from './change-toml.ts';
import { elfProgram, partsPin, writeFolder } from './payload-parts.ts';
import { rootOwned } from './root-owned.ts';
import { type OnMutation, withFaults } from './with-faults.ts';

const CONFIGURATION = '/etc/containerd/config.toml';
const BLOCK_CONTAINERD = '1.7.24';
const DROP_IN_CONTAINERD = '2.1.9';
const UNIT = 'containerd.service';

/** Every write is flushed, many thousand times: where there is a file system in memory, there. */
const MEMORY_FOLDER = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A sandbox on the model host. */
export interface ModelSandbox extends RuntimeSandbox {
  readonly details: SandboxDetails;
}

/** What a model host starts with. */
export interface ModelOptions {
  /** The root file; undefined for none. */
  readonly configuration?: string;
  /** `block` has containerd 1.7, `drop-in` has 2.1. */
  readonly method?: 'block' | 'drop-in';
}

/**
 * A model of a host, for the laws of a change: real files in a folder, the real rollback script run by a real shell, and
 * in the places of systemd and containerd a few lines that keep what those two keep. The real ones are in the host
 * tests; this one can be interrupted at every call in no time.
 */
export class ModelHost {
  readonly root = mkdtempSync(join(MEMORY_FOLDER, 'model-host-'));
  /** What would be in the agent's image. */
  readonly image = mkdtempSync(join(MEMORY_FOLDER, 'model-image-'));
  /** Restarts of the container runtime. */
  restarts = 0;
  sandboxes: ModelSandbox[] = [];
  /** The container runtime loads nothing whose configuration holds this word, though `config dump` has no objection. */
  poison: string | undefined;
  readonly #version: string;
  #loaded: readonly string[] | undefined = [];
  #armed = false;

  constructor({ configuration = DEFAULT_CONFIGURATION, method = 'block' }: ModelOptions = {}) {
    this.#version = method === 'block' ? BLOCK_CONTAINERD : DROP_IN_CONTAINERD;
    for (const folder of ['etc/containerd', 'etc/systemd/system', 'opt', 'var/lib', 'usr/bin']) {
      mkdirSync(join(this.root, folder), { recursive: true });
    }
    writeFileSync(join(this.root, 'etc/machine-id'), `${'0123456789abcdef'.repeat(2)}\n`);
    if (configuration !== '') writeFileSync(join(this.root, CONFIGURATION), configuration);
    this.load();
  }

  /** The context of one run; a hook is called before each change of a file and each order to systemd. */
  context(onMutation: OnMutation = () => undefined): ChangeContext {
    const files = withFaults(rootOwned(openHostFiles(this.root)), onMutation);
    return {
      files,
      systemd: this.#systemd(onMutation),
      connectRuntime: () => this.#runtime(),
      clock: { now: () => this.#now(), sleep: async () => undefined },
      times: { gateSeconds: 1, rollbackAfterSeconds: 60 },
      report: () => undefined,
    };
  }

  /** The time has passed that the timer waits. */
  fireTimer(): void {
    if (!this.#armed) return;
    this.#armed = false;
    this.#runScript();
  }

  /** Everything starts anew; an armed timer counts from now. */
  reboot(): void {
    this.#armed = existsSync(join(this.root, 'etc/systemd/system/timers.target.wants/gvisor-injector-rollback.timer'));
    this.load();
  }

  /** Handlers that CRI has loaded; undefined when CRI itself has not. */
  get loaded(): readonly string[] | undefined {
    return this.#loaded;
  }

  isArmed(): boolean {
    return this.#armed;
  }

  /** The container runtime reads its configuration. */
  load(): void {
    const text = this.#merged();
    this.#loaded =
      this.poison !== undefined && text.includes(this.poison) ? undefined : Object.keys(runtimesOf(parse(text)));
  }

  remove(): void {
    for (const folder of [this.root, this.image]) rmSync(folder, { recursive: true });
  }

  #time = 0;
  #now(): number {
    this.#time += 400;
    return this.#time;
  }

  #merged(path = CONFIGURATION): string {
    const file = join(this.root, path);
    const root = existsSync(file) ? parse(readFileSync(file, 'utf8')) : parse('');
    const imports = Array.isArray(root['imports']) ? root['imports'].map(String) : [];
    const texts = imports.flatMap(pattern => {
      const folder = join(this.root, dirname(pattern));
      if (!pattern.endsWith('*.toml')) return [readFileSync(join(this.root, pattern), 'utf8')];
      const names = existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.toml')) : [];
      return names.toSorted().map(name => readFileSync(join(folder, name), 'utf8'));
    });
    return stringify(texts.reduce<Tree>((tree, text) => merge(tree, parse(text)), root));
  }

  #systemd(onMutation: OnMutation): Systemd {
    const order = async (name: string, work: () => string): Promise<string> => {
      await onMutation('makeLink', `systemd ${name}`);
      return work();
    };
    return {
      unit: async name =>
        name === UNIT
          ? { activeState: 'active', command: ['/usr/bin/containerd'], environment: [], activeSince: 1, mainProcess: 1 }
          : undefined,
      run: async command => this.#run(command),
      restart: async unit =>
        await order(`restart ${unit}`, () => {
          if (unit === UNIT) this.#restartRuntime();
          else this.#armed = true;
          return 'done';
        }),
      start: async unit =>
        await order(`start ${unit}`, () => {
          if (unit === UNIT) return 'done';
          if (unit.endsWith('.service')) return this.#runScript() ? 'done' : 'failed';
          this.#armed = true;
          return 'done';
        }),
      stop: async unit =>
        await order(`stop ${unit}`, () => {
          this.#armed = false;
          return 'done';
        }),
      resetFailed: async unit => void (await order(`reset ${unit}`, () => 'done')),
      removeFinishedRuns: async () => undefined,
      startService: async () => true,
      reload: async () => void (await order('reload', () => 'done')),
      close: async () => undefined,
    };
  }

  #run({ command }: HostCommand): HostCommandResult {
    if (command.includes('dump')) return done(this.#merged(command[command.indexOf('--config') + 1] ?? CONFIGURATION));
    if (command.includes('--version'))
      return done(`runsc version release-${releaseIn(command[0] ?? '')}\nspec: 1.2.0\n`);
    return done('  -network value\n  -debug\n  -systemd-cgroup\n');
  }

  #restartRuntime(): void {
    this.restarts += 1;
    this.load();
  }

  /** Runs the very script, with the host's paths moved below our folder and a `systemctl` that tells us. */
  #runScript(): boolean {
    const path = join(this.root, 'var/lib/gvisor-injector/rollback.sh');
    if (!existsSync(path)) return false;
    const bin = mkdtempSync(join(tmpdir(), 'model-host-bin-'));
    const calls = join(bin, 'calls');
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" >>${calls}\n`);
    chmodSync(join(bin, 'systemctl'), 0o755);
    const moved = readFileSync(path, 'utf8').replaceAll(/'(\/[^']+)'/g, `'${this.root}$1'`);
    const result = spawnSync('/bin/sh', ['-c', moved], { env: { PATH: `${bin}:/usr/bin:/bin` }, encoding: 'utf8' });
    const orders = existsSync(calls) ? readFileSync(calls, 'utf8').split('\n') : [];
    rmSync(bin, { recursive: true });
    if (orders.some(line => line.startsWith('restart') && line.endsWith(UNIT))) this.#restartRuntime();
    if (orders.some(line => line.startsWith('restart') && line.endsWith('.timer'))) this.#armed = true;
    return result.status === 0;
  }

  #runtime(): ContainerRuntime {
    return {
      version: async () => this.#version,
      status: async () => {
        if (this.#loaded === undefined) throw new Error('CRI has not loaded');
        const ready = { status: true, reason: '', message: '' };
        return { conditions: [{ type: 'RuntimeReady', ...ready }], handlers: this.#loaded };
      },
      cgroupDriver: async () => 'cgroupfs',
      sandboxes: async () => this.sandboxes,
      sandbox: async id => this.sandboxes.find(sandbox => sandbox.id === id)?.details,
      startSandbox: async () => ({ outcome: 'failed', message: 'a model starts no sandboxes' }),
      removeSandbox: async () => undefined,
      close: () => undefined,
    };
  }
}

/** A small payload of the older form, in a folder beside the host. */
export function modelPayload(host: ModelHost, release: string): PayloadSupply {
  const parts = {
    runsc: elfProgram(`runsc of ${release}`),
    'containerd-shim-runsc-v1': elfProgram(`shim of ${release}`),
  };
  const path = `/${release}`;
  writeFolder(`${host.image}${path}`, parts);
  const source = { kind: 'folder', files: openHostFiles(host.image), path } as const;
  const pin = partsPin(parts, { release });
  return { release, install: async files => (await installPayload(files, { source, pin })).outcome };
}

function releaseIn(runsc: string): string {
  return dirname(runsc).split('/').at(-1) ?? '';
}

function done(stdout: string): HostCommandResult {
  return { exitCode: 0, stdout, stderr: '' };
}
