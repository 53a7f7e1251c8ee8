import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ChangeContext } from '../../src/node/change/context.ts';
import { install, previewInstall } from '../../src/node/change/install.ts';
import { uninstall } from '../../src/node/change/uninstall.ts';
import { verify } from '../../src/node/change/verify.ts';
import type { Systemd } from '../../src/node/systemd/systemd.ts';
import { type ModelHost, modelPayload } from './change-host.ts';
import { FIRST, installOn, modelHost, request, SECOND } from './change-runs.ts';
import { DEFAULT_CONFIGURATION, IMPORTING_CONFIGURATION } from './change-toml.ts';
import { treeOf } from './tree.ts';
import { stopAt } from './with-faults.ts';

const CONFIGURATION = 'etc/containerd/config.toml';
const DROP_IN = 'etc/containerd/conf.d/99-gvisor-injector.toml';
const STATE = 'var/lib/gvisor-injector';
/** The container runtime does not load a handler of ours. */
const POISON = 'io.containerd.runsc.v1';

function textOf(host: ModelHost): string {
  return readFileSync(join(host.root, CONFIGURATION), 'utf8');
}

/** A context whose systemd does something else for some orders. */
function contextWith(host: ModelHost, change: (systemd: Systemd) => Partial<Systemd>): ChangeContext {
  const context = host.context();
  return { ...context, systemd: { ...context.systemd, ...change(context.systemd) } };
}

async function installBy(host: ModelHost, context: ChangeContext, release = FIRST) {
  return await install(context, request(release), modelPayload(host, release));
}

function withoutRecord(lines: readonly string[]): readonly string[] {
  return lines.filter(line => !line.includes('record.json'));
}

/** Installs with an agent that dies after the restart. */
async function dieAfterRestart(host: ModelHost): Promise<void> {
  let restarted = false;
  const dies = (_: string, path: string): void => {
    if (restarted) throw new Error('dead');
    restarted = path === 'systemd restart containerd.service';
  };
  await t.rejects(installBy(host, host.context(dies)));
}

t.test('a record that was lost is made again by an install, and nothing is removed before', async t => {
  for (const [options, file] of [
    [{}, CONFIGURATION],
    [{ method: 'drop-in', configuration: IMPORTING_CONFIGURATION } as const, DROP_IN],
  ] as const) {
    const host = modelHost(t, options);
    const original = treeOf(host.root);
    await installOn(host);
    const installed = treeOf(host.root);
    rmSync(join(host.root, STATE, 'record.json'));
    t.match(
      await uninstall(host.context()),
      { outcome: 'refused', plan: { refusals: [{ reason: 'EntryChanged', hint: /install/ }] } },
      'nothing proves whose lines they are',
    );
    t.match(await verify(host.context(), { handlers: ['runsc'], boot: false }), [
      { subject: 'record' },
      { subject: 'configuration', passed: false, sentence: /the record of this host names none/ },
      {},
      {},
    ]);
    t.match(await installOn(host), { outcome: 'unchanged', collected: [] }, file);
    t.strictSame(withoutRecord(treeOf(host.root)), withoutRecord(installed), 'every part is still there');
    t.match(await uninstall(host.context()), { outcome: 'uninstalled' });
    // Who made the folders, nobody knows any more.
    for (const folder of ['etc/containerd/conf.d', 'etc/systemd/system/timers.target.wants']) {
      if (!original.some(line => line.includes(folder)))
        rmSync(join(host.root, folder), { recursive: true, force: true });
    }
    t.strictSame(treeOf(host.root), original);
  }
});

t.test('an upgrade after the record was lost keeps the release whose entry is put back', async t => {
  const host = modelHost(t);
  await installOn(host);
  rmSync(join(host.root, STATE, 'record.json'));
  host.poison = SECOND;
  await t.rejects(installOn(host, SECOND), { code: 'NodeFailed', reason: 'RuntimeNotLoaded' });
  t.ok(existsSync(join(host.root, 'opt/gvisor-injector/releases', FIRST, 'runsc')));
  host.poison = undefined;
  t.match(await installOn(host, SECOND, { retry: true }), { outcome: 'installed', collected: [FIRST] });
});

t.test('a handler that is in the configuration and that CRI has not loaded is loaded by a restart', async t => {
  const host = modelHost(t);
  await installOn(host);
  const text = textOf(host);
  writeFileSync(join(host.root, CONFIGURATION), DEFAULT_CONFIGURATION);
  await host.load();
  writeFileSync(join(host.root, CONFIGURATION), text);
  t.match(await previewInstall(host.context(), request(FIRST)), { change: undefined, unloaded: ['runsc'] });
  const stuck = contextWith(host, () => ({ restart: async () => 'done' }));
  await t.rejects(installBy(host, stuck), { reason: 'RuntimeNotLoaded', message: /as it was before/ });
  const { restarts } = host;
  t.match(await installOn(host), { outcome: 'refused', plan: { refusals: [{ reason: 'RolledBackBefore' }] } });
  t.equal(host.restarts, restarts, 'what did not help is not done again and again');
  t.match(await installOn(host, FIRST, { retry: true }), { outcome: 'installed', restarted: true });
  t.ok(host.loaded?.includes('runsc'));
  t.match(await installOn(host), { outcome: 'unchanged', restarted: false });
});

t.test('what was rolled back once and holds since may be written again after a drift', async t => {
  const host = modelHost(t);
  host.poison = POISON;
  await t.rejects(installOn(host), { code: 'NodeFailed', reason: 'RuntimeNotLoaded' });
  host.poison = undefined;
  await installOn(host, FIRST, { retry: true });
  writeFileSync(
    join(host.root, CONFIGURATION),
    textOf(host).replace('pod_annotations = []', 'pod_annotations = ["a"]'),
  );
  t.match(await installOn(host), { outcome: 'installed', restarted: true });
});

t.test('nothing is changed when systemd does not start the timer', async t => {
  const host = modelHost(t);
  const before = treeOf(host.root);
  const context = contextWith(host, systemd => ({
    restart: async unit => (unit.endsWith('.timer') ? 'UnitMasked' : await systemd.restart(unit)),
  }));
  await t.rejects(installBy(host, context), { reason: 'SystemdUnreachable', message: /rollback\.timer.*UnitMasked/ });
  t.strictSame(treeOf(host.root), before);
  t.equal(host.restarts, 0);
});

t.test('a rollback whose service does not run is done by the agent', async t => {
  const host = modelHost(t);
  host.poison = POISON;
  const context = contextWith(host, () => ({ start: async () => 'failed' }));
  await t.rejects(installBy(host, context), { message: /the former configuration is back$/ });
  t.equal(textOf(host), DEFAULT_CONFIGURATION);
  t.strictSame(host.loaded, ['runc']);
});

t.test('a rollback that cannot be done is said so, and the timer goes on to try', async t => {
  const host = modelHost(t);
  host.poison = POISON;
  const original = join(host.root, STATE, 'original');
  const context = contextWith(host, systemd => ({
    restart: async unit => {
      if (unit === 'containerd.service') rmSync(original);
      return await systemd.restart(unit);
    },
  }));
  await t.rejects(installBy(host, context), { reason: 'StorageFailed', message: /original is gone/ });
  t.ok(host.isArmed());
  await host.fireTimer();
  t.ok(host.isArmed(), 'again');
  writeFileSync(original, DEFAULT_CONFIGURATION);
  await host.fireTimer();
  t.strictSame(host.loaded, ['runc']);
  t.notOk(host.isArmed());
});

t.test('the timer puts the file back although its marker cannot be made, and leaves no copy', async t => {
  const host = modelHost(t);
  const before = treeOf(host.root);
  host.poison = POISON;
  await dieAfterRestart(host);
  mkdirSync(join(host.root, STATE, 'rolled-back'));
  const copy = join(host.root, 'etc/containerd/.config.toml.gvisor-injector');
  writeFileSync(copy, 'half a co');
  await host.fireTimer();
  t.strictSame(host.loaded, ['runc']);
  t.notOk(existsSync(copy));
  rmSync(join(host.root, STATE, 'rolled-back'), { recursive: true });
  host.poison = undefined;
  await installOn(host, FIRST, { retry: true });
  await uninstall(host.context());
  t.strictSame(treeOf(host.root), before);
});

t.test('an edit of somebody else during the gate stays, and so does the release that the file names', async t => {
  const host = modelHost(t);
  host.poison = POISON;
  const context = contextWith(host, systemd => ({
    restart: async unit => {
      const result = await systemd.restart(unit);
      if (unit === 'containerd.service') appendFileSync(join(host.root, CONFIGURATION), '\n# of somebody else\n');
      return result;
    },
  }));
  await t.rejects(installBy(host, context), { message: /changed by somebody else meanwhile/ });
  t.match(textOf(host), /BEGIN gvisor-injector.*# of somebody else/s);
  t.ok(existsSync(join(host.root, 'opt/gvisor-injector/releases', FIRST, 'runsc')));
  host.poison = undefined;
  await host.load();
  t.match(await installOn(host), { outcome: 'unchanged' });
  t.match(await uninstall(host.context()), { outcome: 'uninstalled' });
  t.equal(textOf(host), `${DEFAULT_CONFIGURATION}\n# of somebody else\n`);
});

t.test('an uninstall that was interrupted before its first write still knows its lines after an edit', async t => {
  const host = modelHost(t);
  await installOn(host);
  let stop: ReturnType<typeof stopAt> | undefined;
  const dies = (mutation: Parameters<ReturnType<typeof stopAt>>[0], path: string): void => {
    if (path.endsWith('/.config.toml.gvisor-injector')) stop ??= stopAt(1);
    void stop?.(mutation, path);
  };
  await t.rejects(uninstall(host.context(dies)));
  appendFileSync(join(host.root, CONFIGURATION), '\n# of somebody else\n');
  t.match(await uninstall(host.context()), { outcome: 'uninstalled', restarted: true });
  t.equal(textOf(host), `${DEFAULT_CONFIGURATION}\n# of somebody else\n`);
});
