import { join } from 'node:path';
import { build } from 'esbuild';
import type { Test } from 'tap';
import { REPOSITORY } from '../cluster/layout.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { TestHost } from './create-host.ts';
import { type HostPayloads, prepareSmallPayloads } from './host-payloads.ts';
import { hostTree } from './host-tree.ts';
import { HOST_PATHS } from './layout.ts';

/** The agent on the host, in one file: a start from the sources costs half a second, and there are a thousand. */
const AGENT = '/usr/local/lib/crash-agent.cjs';
const CRICTL = `${HOST_PATHS.criTools}/crictl`;
const KILLED = 137;
const DONE = 0;
/** Every so many points the power goes after the kill, and comes back. */
const POINTS_PER_POWER_LOSS = 10;

/** A run of the agent that is killed, the runs before it, and the run that takes everything away again. */
interface KilledRun {
  readonly name: string;
  readonly step: 'install' | 'uninstall';
  readonly payload: keyof HostPayloads;
  readonly before: readonly (keyof HostPayloads)[];
}

const RUNS: readonly KilledRun[] = [
  { name: 'install', step: 'install', payload: 'first', before: [] },
  { name: 'upgrade', step: 'install', payload: 'second', before: ['first'] },
  { name: 'uninstall', step: 'uninstall', payload: 'first', before: ['first'] },
];

/** Which of the points are killed: `remainder` of every `modulus`, so that hosts can share them. */
export interface PointShare {
  readonly remainder: number;
  readonly modulus: number;
}

/**
 * Kills the agent before each of its changes on a real host, with systemd and containerd: afterwards CRI answers with the
 * old configuration or the new one, the next run completes, and a removal gives the host back.
 */
export async function checkCrashes(t: Test, host: TestHost, share: PointShare): Promise<void> {
  await installAgent(host);
  const payloads = await prepareSmallPayloads(host);
  const original = await hostTree(host);
  for (const run of RUNS) {
    const points = await killEverywhere(t, { host, payloads, run, original, share });
    t.pass(`${run.name} on ${host.name}: ${points} points, of which each ${share.modulus}th was killed here`);
  }
}

interface KillOptions {
  readonly host: TestHost;
  readonly payloads: HostPayloads;
  readonly run: KilledRun;
  readonly original: readonly string[];
  readonly share: PointShare;
}

/** @returns how many points there are */
async function killEverywhere(t: Test, options: KillOptions): Promise<number> {
  const { host, payloads, run, share } = options;
  for (let point = share.remainder + 1; ; point += share.modulus) {
    for (const former of run.before) await agent(host, ['install', '0', payloads[former]]);
    const killed = await agent(host, [run.step, String(point), payloads[run.payload]]);
    if (killed.code === DONE) {
      await agent(host, ['uninstall', '0', payloads.first]);
      return Number(killed.stdout);
    }
    if (killed.code !== KILLED)
      t.fail(`${run.name} at ${point} ended by ${killed.code}: ${killed.stdout}${killed.stderr}`);
    await afterKill(t, { ...options, point });
  }
}

async function afterKill(
  t: Test,
  { host, payloads, run, original, point }: KillOptions & { readonly point: number },
): Promise<void> {
  const what = `${run.name} on ${host.name}, killed at ${point}`;
  if (point % POINTS_PER_POWER_LOSS === 0) {
    await host.machine.powerOff();
    await host.machine.boot();
  }
  await criAnswers(host, what);
  const next = await agent(host, [run.step, '0', payloads[run.payload]]);
  if (next.code !== DONE) t.fail(`${what}: the next run says ${next.stdout}${next.stderr}`);
  const loaded = (await host.run([CRICTL, 'info'])).includes('io.containerd.runsc.v1');
  if (loaded !== (run.step === 'install')) t.fail(`${what}: CRI has ${loaded ? '' : 'not '}loaded our handler`);
  await agent(host, ['uninstall', '0', payloads.first]);
  const left = await hostTree(host);
  if (left.join('\n') !== original.join('\n')) t.strictSame(left, original, `${what}: a removal gives the host back`);
}

async function installAgent(host: TestHost): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [join(REPOSITORY, 'test/host/crash-agent.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    write: false,
    logLevel: 'warning',
  });
  await host.run(['sh', '-c', `cat >${AGENT}`], { input: outputFiles[0]?.text ?? '' });
}

async function agent(host: TestHost, words: readonly string[]) {
  return await host.tryRun(['node', AGENT, ...words]);
}

async function criAnswers(host: TestHost, what: string): Promise<void> {
  await waitUntil({
    what: `CRI to answer (${what})`,
    seconds: 20,
    check: async () => ((await host.tryRun([CRICTL, 'info'])).code === DONE ? 'yes' : undefined),
  });
}

/** Kills the agent after the restart by a configuration that CRI does not load: the timer alone must bring CRI back. */
export async function checkDeadMan(t: Test, host: TestHost): Promise<void> {
  await installAgent(host);
  const payloads = await prepareSmallPayloads(host);
  const original = await hostTree(host);
  for (const boots of [false, true]) {
    const killed = await agent(host, ['poisoned', 'restarted', payloads.first]);
    t.equal(killed.code, KILLED, 'the agent is dead');
    t.not((await host.tryRun([CRICTL, 'info'])).code, DONE, 'CRI is down, and the unit is active');
    t.equal((await host.tryRun([programOf(host), 'config', 'dump'])).code, DONE, 'config dump has no objection');
    t.equal((await host.run(['systemctl', 'is-active', 'containerd'])).trim(), 'active');
    if (boots) {
      await host.machine.powerOff();
      await host.machine.boot();
      t.not((await host.tryRun([CRICTL, 'info'])).code, DONE, 'CRI is down after the boot too');
    }
    await criAnswers(host, 'after the timer');
    t.pass(`CRI is back with nobody of ours alive, ${boots ? 'after a boot' : 'without a boot'}`);
    t.equal((await agent(host, ['install', '0', payloads.first])).code, DONE, 'the next run completes');
    await agent(host, ['uninstall', '0', payloads.first]);
    t.strictSame(await hostTree(host), original);
  }
  const put = await agent(host, ['poisoned', '0', payloads.first]);
  t.match(put, { code: 1, stdout: 'RuntimeNotLoaded\n' }, 'with the agent alive it is put back at once');
  await criAnswers(host, 'after the rollback');
  await agent(host, ['uninstall', '0', payloads.first]);
  t.strictSame(await hostTree(host), original);
}

function programOf({ containerd }: TestHost): string {
  return containerd === 'module' ? `${HOST_PATHS.containerd}/containerd` : 'containerd';
}
