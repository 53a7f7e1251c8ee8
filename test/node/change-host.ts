import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import type { ChangeContext } from '../../src/node/change/context.ts';
import type { PayloadSupply } from '../../src/node/change/install.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import type { ContainerRuntime, RuntimeSandbox, SandboxDetails } from '../../src/node/runtime/container-runtime.ts';
import type { HostCommand, HostCommandResult, Systemd } from '../../src/node/systemd/systemd.ts';
import { DEFAULT_CONFIGURATION, mergedConfiguration, runtimesOf } from './change-toml.ts';
import { type ModelContainerd, modelContainerd } from './model-containerd.ts';
import { elfProgram, partsPin, writeFolder } from './payload-parts.ts';
import { runRollbackScript } from './rollback-run.ts';
import { rootOwned } from './root-owned.ts';
import { type OnMutation, withFaults } from './with-faults.ts';

const VERSIONS = { block: '1.7.24', 'drop-in': '2.1.9' } as const;

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
  /** In the place of the model's; then the host has loaded nothing before its first `reboot()`. */
  readonly containerd?: ModelContainerd;
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
  readonly #containerd: ModelContainerd;
  #dump: string | undefined = '';
  #armed = false;

  constructor({ configuration = DEFAULT_CONFIGURATION, method = 'block', containerd }: ModelOptions = {}) {
    this.#containerd = containerd ?? modelContainerd(VERSIONS[method]);
    for (const folder of ['etc/containerd', 'etc/systemd/system', 'opt', 'var/lib', 'usr/bin']) {
      mkdirSync(join(this.root, folder), { recursive: true });
    }
    writeFileSync(join(this.root, 'etc/machine-id'), `${'0123456789abcdef'.repeat(2)}\n`);
    if (configuration !== '') writeFileSync(join(this.root, this.#containerd.configuration), configuration);
    if (containerd === undefined) this.#dump = mergedConfiguration(this.root, this.#containerd.configuration);
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
  async fireTimer(): Promise<void> {
    if (!this.#armed) return;
    this.#armed = false;
    await this.#runScript();
  }

  /** Everything starts anew; an armed timer counts from now. */
  async reboot(): Promise<void> {
    this.#armed = existsSync(join(this.root, 'etc/systemd/system/timers.target.wants/gvisor-injector-rollback.timer'));
    await this.load();
  }

  /** The configuration that CRI has loaded, as `config dump` prints it; undefined when CRI has not. */
  get dump(): string | undefined {
    return this.#dump;
  }

  /** Handlers that CRI has loaded; undefined when CRI itself has not. */
  get loaded(): readonly string[] | undefined {
    return this.#dump === undefined ? undefined : Object.keys(runtimesOf(parse(this.#dump)));
  }

  isArmed(): boolean {
    return this.#armed;
  }

  /** The container runtime reads its configuration. */
  async load(): Promise<void> {
    const { exitCode, stdout } = await this.#containerd.start(this.root);
    const isPoisoned = this.poison !== undefined && stdout.includes(this.poison);
    this.#dump = exitCode !== 0 || isPoisoned ? undefined : stdout;
  }

  remove(): void {
    for (const folder of [this.root, this.image]) rmSync(folder, { recursive: true });
  }

  #time = 0;
  #now(): number {
    this.#time += 400;
    return this.#time;
  }

  #systemd(onMutation: OnMutation): Systemd {
    const { unit: runtime, command } = this.#containerd;
    const order = async (name: string, work: () => string | Promise<string>): Promise<string> => {
      await onMutation('makeLink', `systemd ${name}`);
      return await work();
    };
    return {
      unit: async name =>
        name === runtime
          ? { activeState: 'active', command, environment: [], activeSince: 1, mainProcess: 1 }
          : undefined,
      run: async program => await this.#run(program),
      restart: async unit =>
        await order(`restart ${unit}`, async () => {
          if (unit === runtime) await this.#restartRuntime();
          else this.#armed = true;
          return 'done';
        }),
      start: async unit =>
        await order(`start ${unit}`, async () => {
          if (unit === runtime) return 'done';
          if (unit.endsWith('.service')) return (await this.#runScript()) ? 'done' : 'failed';
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

  async #run({ command }: HostCommand): Promise<HostCommandResult> {
    if (command.includes('dump')) {
      const path = command[command.indexOf('--config') + 1] ?? this.#containerd.configuration;
      return await this.#containerd.dump(this.root, path);
    }
    if (command.includes('--version'))
      return done(`runsc version release-${releaseIn(command[0] ?? '')}\nspec: 1.2.0\n`);
    // As runsc does: on stderr.
    return { ...done(''), stderr: '  -network value\n  -debug\n  -systemd-cgroup\n' };
  }

  async #restartRuntime(): Promise<void> {
    this.restarts += 1;
    await this.load();
  }

  async #runScript(): Promise<boolean> {
    const run = runRollbackScript(this.root);
    if (run === undefined) return false;
    if (run.restarted.includes(this.#containerd.unit)) await this.#restartRuntime();
    if (run.restarted.some(unit => unit.endsWith('.timer'))) this.#armed = true;
    return run.succeeded;
  }

  #runtime(): ContainerRuntime {
    return {
      version: async () => this.#containerd.version,
      status: async () => {
        if (this.loaded === undefined) throw notLoaded();
        const ready = { status: true, reason: '', message: '' };
        return { conditions: [{ type: 'RuntimeReady', ...ready }], handlers: this.loaded };
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

function notLoaded(): NodeError {
  return new NodeError('NodeFailed', { reason: 'RuntimeNotLoaded', sentence: 'CRI has not loaded', hint: '' });
}

function releaseIn(runsc: string): string {
  return dirname(runsc).split('/').at(-1) ?? '';
}

function done(stdout: string): HostCommandResult {
  return { exitCode: 0, stdout, stderr: '' };
}
