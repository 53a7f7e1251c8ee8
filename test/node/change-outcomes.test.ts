import { appendFileSync, readFileSync, writeFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { install } from '../../src/node/change/install.ts';
import { uninstall } from '../../src/node/change/uninstall.ts';
import { verify } from '../../src/node/change/verify.ts';
import { modelPayload, ModelHost, type ModelSandbox } from './change-host.ts';
import { DEFAULT_CONFIGURATION } from './change-toml.ts';
import { FIRST, installOn, modelHost, request, SECOND } from './change-runs.ts';
import { treeOf } from './tree.ts';
import { failingCall, stopAt } from './with-faults.ts';

const CONFIGURATION = 'etc/containerd/config.toml';

function sandboxOf(host: ModelHost, name: string): ModelSandbox {
  const text = readFileSync(join(host.root, CONFIGURATION), 'utf8');
  const configPath = /ConfigPath = "([^"]+)"/.exec(text)?.[1];
  const details = { runtimeType: 'io.containerd.runsc.v1', configPath, process: 1 };
  return { id: `${name}0123456789abcdef`, namespace: 'ci', name, handler: 'runsc', ready: true, details };
}

function edit(host: ModelHost, change: (text: string) => string): void {
  const file = join(host.root, CONFIGURATION);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

/** Thousands of writes. */
t.setTimeout(300_000);

t.test('a configuration whose dump is fine and whose CRI does not load is put back, and not tried again', async t => {
  const host = modelHost(t);
  const before = treeOf(host.root);
  host.poison = 'io.containerd.runsc.v1';
  await t.rejects(installOn(host), { code: 'NodeFailed', reason: 'RuntimeNotLoaded', message: /CRI has not loaded/ });
  t.strictSame(host.loaded, ['runc'], 'CRI is back');
  t.notOk(host.isArmed());
  t.equal(readFileSync(join(host.root, CONFIGURATION), 'utf8'), DEFAULT_CONFIGURATION);
  const refused = await installOn(host);
  t.match(refused, { outcome: 'refused', plan: { refusals: [{ reason: 'RolledBackBefore' }] } });
  host.poison = undefined;
  t.match(await installOn(host), { outcome: 'refused' }, 'also when nobody says what has changed');
  t.match(await installOn(host, FIRST, { retry: true }), { outcome: 'installed' });
  await uninstall(host.context());
  t.strictSame(treeOf(host.root), before);
});

t.test('the same with the agent dead before the gate: the timer puts it back, also after a reboot', async t => {
  for (const [aftermath, happen] of [
    ['the timer', async () => undefined],
    ['a reboot and the timer', (host: ModelHost) => host.reboot()],
  ] as const) {
    const host = modelHost(t);
    host.poison = 'io.containerd.runsc.v1';
    let restarted = false;
    const dies = (_: string, path: string): void => {
      if (restarted) throw new Error('dead');
      restarted = path === 'systemd restart containerd.service';
    };
    await t.rejects(install(host.context(dies), request(FIRST), modelPayload(host, FIRST)));
    t.equal(host.loaded, undefined, 'CRI is down');
    await happen(host);
    await host.fireTimer();
    t.strictSame(host.loaded, ['runc'], aftermath);
    t.match(await installOn(host), { outcome: 'refused', plan: { refusals: [{ reason: 'RolledBackBefore' }] } });
  }
});

t.test('a release stays while a sandbox names it, and goes when none does', async t => {
  const host = modelHost(t);
  await installOn(host);
  host.sandboxes = [sandboxOf(host, 'build-1')];
  const upgrade = await installOn(host, SECOND);
  t.match(upgrade, { outcome: 'installed', restarted: true, collected: [] });
  t.ok(
    treeOf(host.root).some(line => line.includes(`${FIRST}/runsc `)),
    'the running sandbox keeps its release',
  );
  host.sandboxes = host.sandboxes.map(sandbox => ({ ...sandbox, handler: '' }));
  t.match(await installOn(host, SECOND), { collected: [] }, 'also when our handler is the default one');
  host.sandboxes = [];
  t.match(await installOn(host, SECOND), { outcome: 'unchanged', collected: [FIRST] });
  t.notOk(treeOf(host.root).some(line => line.includes(FIRST)));
});

t.test('a removal refuses while sandboxes of ours are there, and names them', async t => {
  const host = modelHost(t);
  await installOn(host);
  host.sandboxes = [sandboxOf(host, 'build-1')];
  const installed = treeOf(host.root);
  const refused = await uninstall(host.context());
  t.match(refused.plan.refusals, [{ reason: 'SandboxesPresent', sentence: /ci\/build-1/ }]);
  t.strictSame(treeOf(host.root), installed);
  host.sandboxes = [];
  t.match(await uninstall(host.context()), { outcome: 'uninstalled' });
});

t.test('a handler that the policy drops stays while its sandboxes run', async t => {
  const host = modelHost(t);
  await installOn(host);
  const other = { handlers: [{ name: 'gvisor', flags: {}, podAnnotations: [] }] };
  host.sandboxes = [sandboxOf(host, 'build-1')];
  const installed = treeOf(host.root);
  for (const upgrade of [FIRST, SECOND]) {
    const refused = await installOn(host, upgrade, other);
    t.match(refused, {
      plan: { refusals: [{ reason: 'SandboxesPresent', sentence: /handler runsc .* ci\/build-1/ }] },
    });
  }
  t.strictSame(treeOf(host.root), installed);
  host.sandboxes = [{ ...sandboxOf(host, 'build-1'), ready: false }];
  t.match(await installOn(host, FIRST, other), { outcome: 'installed' });
  t.strictSame(host.loaded, ['runc', 'gvisor']);
});

t.test('edits of others stay through upgrade and removal', async t => {
  const host = modelHost(t);
  await installOn(host);
  edit(host, text => `# somebody was here\n${text}`);
  appendFileSync(join(host.root, CONFIGURATION), '\n[plugins."io.containerd.grpc.v1.cri".cni]\n  bin_dir = "/cni"\n');
  await installOn(host, SECOND);
  await uninstall(host.context());
  const text = readFileSync(join(host.root, CONFIGURATION), 'utf8');
  const [head, tail] = ['# somebody was here\n', '\n[plugins."io.containerd.grpc.v1.cri".cni]\n  bin_dir = "/cni"\n'];
  t.equal(text, `${head}${DEFAULT_CONFIGURATION}${tail}`);
});

t.test('what somebody changed in our own lines is repaired by an install, and never removed blindly', async t => {
  const host = modelHost(t);
  await installOn(host);
  edit(host, text => text.replace('pod_annotations = []', 'pod_annotations = ["dev.gvisor.*"]'));
  t.match(await uninstall(host.context()), { outcome: 'refused', plan: { refusals: [{ reason: 'EntryChanged' }] } });
  t.match(await verify(host.context(), { handlers: ['runsc'], boot: false }), [
    { subject: 'record', passed: true },
    { subject: 'payload', passed: true },
    { subject: 'configuration', passed: false, sentence: /changed/ },
    { passed: true },
    { passed: true },
  ]);
  t.match(await installOn(host), { outcome: 'installed', restarted: true });
  t.ok((await verify(host.context(), { handlers: ['runsc'], boot: false })).every(({ passed }) => passed));
  edit(host, text => text.slice(0, text.indexOf('# BEGIN')));
  t.match(await installOn(host), { outcome: 'installed', restarted: true }, 'our lines were gone');
  t.match(await uninstall(host.context()), { outcome: 'uninstalled' });
  t.equal(readFileSync(join(host.root, CONFIGURATION), 'utf8'), DEFAULT_CONFIGURATION);
});

t.test('a lost part of the payload comes back without a restart', async t => {
  const host = modelHost(t);
  await installOn(host);
  const { restarts } = host;
  const shim = join(host.root, 'opt/gvisor-injector/releases', FIRST, 'containerd-shim-runsc-v1');
  writeFileSync(shim, 'not a shim');
  t.match(await installOn(host), { outcome: 'installed', payload: 'repaired', restarted: false });
  t.equal(host.restarts, restarts);
});

t.test("somebody else's handler is adopted, and one of another runtime type is refused", async t => {
  const table = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runsc]\n';
  const adopted = modelHost(t, {
    configuration: `${DEFAULT_CONFIGURATION}\n${table}  runtime_type = "io.containerd.runsc.v1"\n`,
  });
  const before = treeOf(adopted.root);
  t.match(await installOn(adopted), { outcome: 'adopted', plan: { adopted: ['runsc'] } });
  t.strictSame(treeOf(adopted.root), before);
  const taken = modelHost(t, {
    configuration: `${DEFAULT_CONFIGURATION}\n${table}  runtime_type = "io.containerd.runc.v2"\n`,
  });
  t.match(await installOn(taken), { outcome: 'refused', plan: { refusals: [{ reason: 'HandlerTaken' }] } });
});

t.test('a release that is another one, or does not know a flag, is refused and leaves nothing', async t => {
  const host = modelHost(t);
  const before = treeOf(host.root);
  const handlers = [{ name: 'runsc', flags: { netwrk: 'sandbox' }, podAnnotations: [] }];
  await t.rejects(installOn(host, FIRST, { handlers }), {
    code: 'NodeRefused',
    reason: 'RunscFlagUnknown',
    hint: /network/,
  });
  t.strictSame(treeOf(host.root), before);
  t.equal(host.restarts, 0);
});

t.test('a disk that fails at any call leaves a host that works, and the next run completes', async t => {
  for (const code of ['ENOSPC', 'EROFS', 'EIO', 'EACCES']) {
    for (let point = 1; ; point += 7) {
      const host = new ModelHost();
      const original = treeOf(host.root);
      const fault = failingCall(code, point, { always: code === 'EROFS' });
      const failed = await install(host.context(fault), request(FIRST), modelPayload(host, FIRST)).then(
        () => false,
        () => true,
      );
      if (host.loaded === undefined) t.fail(`${code} at ${point}: the container runtime is down`);
      await host.fireTimer();
      const result = await installOn(host, FIRST, { retry: true });
      if (result.outcome === 'refused') t.fail(`${code} at ${point}: the next run is refused`);
      await uninstall(host.context());
      if (treeOf(host.root).join('\n') !== original.join('\n')) {
        t.strictSame(treeOf(host.root), original, `${code} at ${point}: removal gives the host back`);
      }
      host.remove();
      if (!failed) break;
    }
    t.pass(code);
  }
});

t.test('the record of another machine is taken over when nothing was under way there, else refused', async t => {
  const host = modelHost(t);
  await installOn(host);
  const machineId = join(host.root, 'etc/machine-id');
  writeFileSync(machineId, `${'f'.repeat(32)}\n`);
  t.match(await installOn(host), { outcome: 'unchanged' });
  await t.rejects(install(host.context(stopAt(60)), request(SECOND), modelPayload(host, SECOND)));
  writeFileSync(machineId, `${'e'.repeat(32)}\n`);
  await t.rejects(installOn(host, SECOND), { reason: 'RecordForeign', message: /machine/ });
});

t.test('folders that were not there before us, such as /opt, are gone after a removal', async t => {
  const host = modelHost(t);
  rmdirSync(join(host.root, 'opt'));
  const before = treeOf(host.root);
  await installOn(host);
  t.match(await uninstall(host.context()), { outcome: 'uninstalled' });
  t.strictSame(treeOf(host.root), before);
});

t.test('a record that somebody changed is refused by name', async t => {
  const host = modelHost(t);
  await installOn(host);
  writeFileSync(join(host.root, 'var/lib/gvisor-injector/record.json'), '{"version": 2}');
  await t.rejects(installOn(host), { reason: 'RecordInvalid', message: /record\.json/ });
});
