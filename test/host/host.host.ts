import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { buildProductImage } from '../cluster/product-image.ts';
import { processesInGroups } from '../cluster/cgroups.ts';
import { whyNotHere } from '../cluster/debian-packages.ts';
import { machineSnapshot } from '../cluster/machine-snapshot.ts';
import { createProgress } from '../cluster/progress.ts';
import { checkContainerdDumps } from './containerd-dump-checks.ts';
import { checkContainer } from './container-checks.ts';
import { checkCrashes, checkDeadMan } from './crash-checks.ts';
import { createHost, type TestHost } from './create-host.ts';
import { checkFixtureTrees } from './fixture-tree-checks.ts';
import { prepareHostParts } from './host-parts.ts';
import { checkHostCrash, checkMachine } from './machine-checks.ts';
import { checkInstall } from './install-checks.ts';
import { HOSTS_FOLDER } from './layout.ts';
import { checkRuntime } from './runtime-checks.ts';
import { addHandlerByHand } from './runtime-node.ts';
import { checkStorage } from './storage-checks.ts';
import { checkSystemd } from './systemd-checks.ts';
import { findHostLeftovers, tearDownHosts } from './tear-down.ts';

/** Building everything from nothing is in it. */
const TIMEOUT_MILLISECONDS = 50 * 60_000;
const options = { timeout: TIMEOUT_MILLISECONDS };
const CONTAINERDS = ['debian', 'module'] as const;

t.setTimeout(TIMEOUT_MILLISECONDS);
const refusal = await whyNotHere();
if (refusal === undefined) await t.test('the node agent on hosts', options, testHosts);
else t.pass('hosts on this machine', { skip: `test hosts cannot run here: ${refusal}` });

/** One host for each containerd: each check leaves it as it found it, or restores it. */
async function testHosts(t: Test): Promise<void> {
  const progress = createProgress(process.stderr);
  t.teardown(tearDownHosts);
  await tearDownHosts();
  const { signal } = new AbortController();
  const parts = await prepareHostParts(progress, signal);
  const before = await machineSnapshot();
  const isAlone = (await processesInGroups()).length === 0;
  await t.test('nothing is left of a host that crashed while it was created', options, checkHostCrash);
  const archive = join(HOSTS_FOLDER, 'product-image.tar');
  await mkdir(HOSTS_FOLDER, { recursive: true });
  await progress('the product image', async () => await buildProductImage({ tree: parts.tree, archive, signal }));
  const hosts: TestHost[] = [];
  for (const containerd of CONTAINERDS) {
    const name = `host-${containerd}`;
    const host = await progress(`creating ${name}`, async () => await createHost({ name, containerd, parts }));
    hosts.push(host);
    await t.test(`${name}: a machine`, options, async t => await checkMachine(t, host));
    await t.test(`${name}: its systemd`, options, async t => await checkSystemd(t, host));
    await host.restore();
    await t.test(
      `${name}: its container runtime`,
      options,
      async t => await checkRuntime(t, await addHandlerByHand(host)),
    );
    await host.restore();
    await t.test(`${name}: install, upgrade and removal`, options, async t => await checkInstall(t, host));
    await t.test(
      `${name}: from a container with the rights of the DaemonSet`,
      options,
      async t => await checkContainer(t, host, archive),
    );
    await t.test(`${name}: a configuration that CRI does not load`, options, async t => await checkDeadMan(t, host));
  }
  await t.test('storage that is full, read-only or noexec', options, checkStorage);
  await t.test(
    'what real containerds make of every fixture host',
    options,
    async t => await checkContainerdDumps(t, { progress, signal }),
  );
  await t.test(
    'every fixture host, from install to removal',
    options,
    async t => await checkFixtureTrees(t, { progress, signal }),
  );
  await t.test('an agent that is killed at any of its steps', options, async t => {
    // Every point is killed on one of the hosts.
    const share = (host: TestHost, index: number): Promise<void> =>
      checkCrashes(t, host, { remainder: index, modulus: hosts.length });
    await progress('killing the agent at every step', async () => await Promise.all(hosts.map(share)));
  });
  await t.test('the tear-down leaves nothing', options, async t => {
    await tearDownHosts();
    t.strictSame(await findHostLeftovers(), []);
    const after = await machineSnapshot();
    if (isAlone && (await processesInGroups()).length === 0) t.strictSame(after, before, 'the machine is as before');
    else t.comment('a cluster is up, which changes the machine too');
  });
}
