import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { applyChange } from '../../src/node/change/apply-change.ts';
import { startOf } from '../../src/node/change/change-start.ts';
import type { ChangeContext } from '../../src/node/change/context.ts';
import { makeStateFolder } from '../../src/node/change/host-folders.ts';
import { install } from '../../src/node/change/install.ts';
import { type InstallRequest, planInstall } from '../../src/node/change/install-plan.ts';
import { askOracle } from '../../src/node/change/oracle.ts';
import { prepareHost } from '../../src/node/change/prepare.ts';
import { uninstall } from '../../src/node/change/uninstall.ts';
import type { ConfigurationChange } from '../../src/node/containerd/configuration.ts';
import { sha256Of } from '../../src/node/host/sha256.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { installPayload } from '../../src/node/payload/install-payload.ts';
import { readLocalPin } from '../../src/node/payload/pin.ts';
import { connectRuntime } from '../../src/node/runtime/connect-runtime.ts';
import { connectSystemd } from '../../src/node/systemd/connect-systemd.ts';
import type { Systemd } from '../../src/node/systemd/systemd.ts';
import { withFaults } from '../node/with-faults.ts';

/**
 * The node agent as a program of the host tests, run inside a host: the product's own install and uninstall, with its
 * process killed before one of its changes, counted over files and orders to systemd alike.
 *
 * `node crash-agent.ts STEP POINT PAYLOAD`: STEP is `install`, `uninstall` or `poisoned` (an install whose
 * configuration CRI does not load); POINT 0 never kills, `restarted` kills once the container runtime was restarted. The payload's folder is named after its release. It prints
 * the number of points, or the reason of a failure.
 */
const [, , step = '', point = '0', payload = ''] = process.argv;
/** Long enough for a boot in between, short enough to be waited for. */
const TIMES = { gateSeconds: 5, rollbackAfterSeconds: 8 } as const;

let calls = 0;
const release = payload.split('/').at(-1) ?? '';
const base = openHostFiles('/');
const files = withFaults(base, beforeChange);

// No top-level await: it runs as one CommonJS file.
void main();

async function main(): Promise<void> {
  const systemd = await connectSystemd({ socket: '/run/systemd/private', files: base });
  try {
    await run({
      files,
      systemd: counted(systemd),
      connectRuntime: socket => connectRuntime({ socket: join('/', socket) }),
      clock: { now: () => performance.now(), sleep: milliseconds => setTimeout(milliseconds) },
      times: TIMES,
      report: () => undefined,
    });
    process.stdout.write(`${calls}\n`);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    process.stdout.write(`${error.reason}\n`);
    process.exitCode = error.exitCode;
  } finally {
    await systemd.close();
  }
}

async function run(context: ChangeContext): Promise<void> {
  if (step === 'install') {
    const { outcome, plan } = await install(context, request(), await supply());
    if (outcome === 'refused') throw new NodeError('NodeRefused', plan.refusals[0] ?? unknownRefusal());
  } else if (step === 'uninstall') {
    const { outcome, plan } = await uninstall(context);
    if (outcome === 'refused') throw new NodeError('NodeRefused', plan.refusals[0] ?? unknownRefusal());
  } else {
    await installPoisoned(context);
  }
}

/** The product's own steps with a change that passes the oracle and whose CRI does not load. */
async function installPoisoned(context: ChangeContext): Promise<void> {
  const { host, record } = await prepareHost(context);
  const { change } = planInstall(host, record, request());
  if (change === undefined) throw new Error('nothing to change');
  const poisoned = { ...change, ...poison(change) };
  await makeStateFolder(files);
  await askOracle(context, host, change);
  await applyChange(context, await startOf(context, { kind: 'install', host, record, change: poisoned, release }));
}

/** A default handler that is not there: `config dump` has no objection, and the CRI plugin refuses to load. */
function poison({ after = '', method }: ConfigurationChange): Partial<ConfigurationChange> {
  const line = 'default_runtime_name = "nosuch"';
  const text =
    method === 'drop-in'
      ? `${after}\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\n${line}\n`
      : after.replace(/default_runtime_name = .*/, line);
  return { after: text, sha256: sha256Of(text) };
}

function request(): InstallRequest {
  const handlers = [{ name: 'runsc', flags: {}, podAnnotations: [] }];
  return { release, payloadBytes: 1, handlers, cgroupDriver: 'cgroupfs', retry: true };
}

async function supply() {
  const source = { kind: 'folder', files: base, path: payload } as const;
  const pin = await readLocalPin(source, { release, architecture: 'x86_64' });
  return { release, install: async () => (await installPayload(files, { source, pin })).outcome };
}

async function order<Result>(work: () => Promise<Result>): Promise<Result> {
  beforeChange();
  return await work();
}

function beforeChange(): void {
  calls += 1;
  if (calls === Number(point)) process.kill(process.pid, 'SIGKILL');
}

/** Orders that change something on the host count; questions do not. */
function counted(inner: Systemd): Systemd {
  return {
    ...inner,
    run: async command => await order(async () => await inner.run(command)),
    restart: async unit => {
      const result = await order(async () => await inner.restart(unit));
      if (point === 'restarted' && unit.startsWith('containerd')) process.kill(process.pid, 'SIGKILL');
      return result;
    },
    start: async unit => await order(async () => await inner.start(unit)),
    stop: async unit => await order(async () => await inner.stop(unit)),
    resetFailed: async unit => await order(async () => await inner.resetFailed(unit)),
    reload: async () => await order(async () => await inner.reload()),
  };
}

function unknownRefusal() {
  return { reason: 'Interrupted', sentence: 'refused without a reason', hint: '' } as const;
}
