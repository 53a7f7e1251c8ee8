import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Test } from 'tap';
import { waitUntil } from '../cluster/wait-until.ts';
import { cgroupsOf } from '../machine/cgroups.ts';
import type { TestHost } from './create-host.ts';
import { HOST_PATHS, HOSTS_NAME } from './layout.ts';
import { findHostLeftovers, tearDownHosts } from './tear-down.ts';

/** A host that is killed while it is created leaves nothing after the tear-down. */
export async function checkHostCrash(t: Test): Promise<void> {
  const up = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'up'], { stdio: 'ignore' });
  const ended = once(up, 'close');
  await waitUntil({
    what: 'the host to be started',
    seconds: 60,
    intervalMilliseconds: 20,
    check: async () => ((await cgroupsOf(HOSTS_NAME).processes()).length > 0 ? 'started' : undefined),
  });
  up.kill('SIGKILL');
  await ended;
  t.not((await findHostLeftovers()).length, 0, 'a crash leaves something');
  await tearDownHosts();
  t.strictSame(await findHostLeftovers(), []);
}

/** What the other checks count on. */
export async function checkMachine(t: Test, host: TestHost): Promise<void> {
  const bootId = async (): Promise<string> => await host.run(['cat', '/proc/sys/kernel/random/boot_id']);
  const machineId = await host.run(['cat', '/etc/machine-id']);
  const containerd = host.containerd === 'debian' ? /v?1\.7\./ : /v?2\./;
  t.match(await host.run(['crictl', 'version']), containerd, 'its containerd');
  t.equal(await host.run(['systemctl', 'is-system-running']), 'running\n');
  await checkSandbox(t, host);
  t.match(await host.run([`${HOST_PATHS.gvisor}/runsc`, '--version']), /runsc version/);
  t.match((await host.node('src/cli/main.ts', ['--help'])).stdout, /gvisor-injector/, 'the product runs in it');

  await host.run(['touch', '/etc/kept']);
  const firstBoot = await bootId();
  await timed(t, 'reboot', async () => await host.machine.reboot());
  t.not(await bootId(), firstBoot);
  t.equal(await host.run(['ls', '/etc/kept']), '/etc/kept\n', 'it keeps its disk over a reboot');
  await host.run(['touch', '/etc/unsynced', '/var/lib/containerd/unsynced']);
  await timed(t, 'power-off', async () => await host.machine.powerOff());
  t.equal(await host.machine.leader(), undefined);
  await timed(t, 'boot', async () => await host.machine.boot());
  t.equal(await host.run(['ls', '/etc/unsynced']), '/etc/unsynced\n', 'and when its power was taken away');
  await timed(t, 'restore', async () => await host.restore());
  t.not((await host.tryRun(['ls', '/etc/kept'])).code, 0, 'restored, it is as it was created');
  t.not((await host.tryRun(['ls', '/var/lib/containerd/unsynced'])).code, 0);
  t.equal(await host.run(['cat', '/etc/machine-id']), machineId, 'with the same machine-id');
  await checkSandbox(t, host);
}

async function checkSandbox(t: Test, host: TestHost): Promise<void> {
  const sandbox = { metadata: { name: 'a', namespace: 'b', uid: 'c' }, linux: {} };
  await host.run(['sh', '-c', 'cat >/tmp/sandbox.json'], { input: JSON.stringify(sandbox) });
  const id = (await host.run(['crictl', 'runp', '/tmp/sandbox.json'])).trim();
  t.match(id, /^[0-9a-f]{64}$/, 'a sandbox with a network');
  await host.run(['crictl', 'rmp', '--force', id]);
}

async function timed(t: Test, what: string, step: () => Promise<void>): Promise<void> {
  const started = performance.now();
  await step();
  t.comment(`${what}: ${Math.round(performance.now() - started)} ms`);
}
