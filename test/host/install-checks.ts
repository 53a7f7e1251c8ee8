import type { Test } from 'tap';
import type { TestHost } from './create-host.ts';
import { cli } from './host-cli.ts';
import { type HostPayloads, preparePayloads, releaseOf } from './host-payloads.ts';
import { hostTree } from './host-tree.ts';
import { type HostPod, killPods, podRuns, runPod } from './host-pods.ts';

const GVISOR_KERNEL = /gvisor.*Sun Jan 10 15:06:54 PST 2016/;
const GVISOR_RUNTIME_TYPE = 'io.containerd.runsc.v1';

/** Installs, upgrades and removes by the command line, with Pods that run meanwhile, as a person would by hand. */
export async function checkInstall(t: Test, host: TestHost): Promise<void> {
  const payloads = await preparePayloads(host);
  const original = await hostTree(host);
  await t.test('a dry run prints the plan and changes nothing', async t => {
    const plan = await cli(host, installWords(payloads.first, '--dry-run'));
    t.match(plan, { code: 0, stdout: /payload .*configuration .*restart/s });
    t.strictSame(await hostTree(host), original);
  });
  const plain = await runPod(host, { name: 'plain', handler: '' });
  await t.test('an install starts a sandbox, and what runs keeps running', async t => {
    await installs(t, host, payloads.first);
    t.ok(await podRuns(host, plain), 'a container of runc kept running through the restart');
  });
  const sandboxed = await runPod(host, { name: 'sandboxed', handler: 'runsc' });
  t.match(sandboxed.kernel, GVISOR_KERNEL, 'the kernel of a sandbox');
  t.equal(sandboxed.runtimeType, GVISOR_RUNTIME_TYPE);
  t.notMatch(plain.kernel, /gvisor/);
  await t.test(
    'a second run changes nothing and restarts nothing',
    async t => await staysSame(t, host, payloads.first),
  );
  await t.test('an upgrade beside a running sandbox', async t => await upgrades(t, host, { payloads, sandboxed }));
  await t.test('a removal refuses, names the sandboxes, and then gives the host back', async t => {
    const refused = await cli(host, ['node', 'uninstall']);
    t.match(refused, { code: 3, stderr: /SandboxesPresent.*default\/fresh/s });
    await killPods(host);
    t.match(await cli(host, ['node', 'uninstall']), { code: 0 });
    t.strictSame(await hostTree(host), original, 'every byte, mode and owner is as before');
    t.match(await cli(host, ['node', 'uninstall']), { code: 0, stdout: /Nothing of ours/ });
  });
}

async function installs(t: Test, host: TestHost, payload: string): Promise<void> {
  const result = await cli(host, installWords(payload));
  t.match(result, { code: 0, stdout: /is installed: handler runsc is loaded/ }, result.stderr);
  const verified = await cli(host, ['node', 'verify', '--boot']);
  t.match(
    verified,
    { code: 0, stdout: /one booted under io\.containerd\.runsc\.v1/ },
    verified.stdout + verified.stderr,
  );
}

async function staysSame(t: Test, host: TestHost, payload: string): Promise<void> {
  const since = await activeSince(host);
  const installed = await hostTree(host);
  t.match(await cli(host, installWords(payload)), { code: 0, stdout: /nothing was written, nothing restarted/ });
  t.strictSame(await hostTree(host), installed);
  t.equal(await activeSince(host), since, 'containerd was not restarted');
}

async function upgrades(
  t: Test,
  host: TestHost,
  { payloads, sandboxed }: { readonly payloads: HostPayloads; readonly sandboxed: HostPod },
): Promise<void> {
  await installs(t, host, payloads.second);
  const releases = (await host.run(['ls', '/opt/gvisor-injector/releases'])).trim().split('\n');
  const both = [payloads.first, payloads.second].map(releaseOf);
  t.strictSame(releases.toSorted(), both.toSorted(), 'side by side');
  t.ok(await podRuns(host, sandboxed), 'the sandbox of the first release kept running');
  const again = await sandboxed.restartContainer();
  t.comment(`a container restarted in a sandbox of the former release: ${again}`);
  t.match(again, GVISOR_KERNEL, 'with the new shim and the old runsc it starts');
  const fresh = await runPod(host, { name: 'fresh', handler: 'runsc' });
  t.match(fresh.kernel, GVISOR_KERNEL, 'a new sandbox by the second release');
  await sandboxed.remove();
  const collected = await cli(host, installWords(payloads.second));
  t.match(collected, { code: 0, stderr: /removing release/ }, 'nothing names the first release any more');
  t.equal((await host.run(['ls', '/opt/gvisor-injector/releases'])).trim(), releaseOf(payloads.second));
}

function installWords(payload: string, ...more: readonly string[]): readonly string[] {
  return ['node', 'install', '--payload', payload, '--release', releaseOf(payload), ...more];
}

async function activeSince(host: TestHost): Promise<string> {
  return await host.run(['systemctl', 'show', 'containerd', '--property=ActiveEnterTimestampMonotonic']);
}
