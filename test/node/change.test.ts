import type { ChangeContext } from '../../src/node/change/context.ts';
import t, { type Test } from 'tap';
import { install } from '../../src/node/change/install.ts';
import { uninstall } from '../../src/node/change/uninstall.ts';
import { modelPayload, ModelHost, type ModelOptions } from './change-host.ts';
import { IMPORTING_CONFIGURATION } from './change-toml.ts';
import { FIRST, modelHost, request, SECOND } from './change-runs.ts';
import { treeOf } from './tree.ts';
import { stopAt } from './with-faults.ts';

t.setTimeout(300_000);
const HOSTS: readonly (readonly [string, ModelOptions])[] = [
  ['a marked block', {}],
  ['a drop-in', { method: 'drop-in', configuration: IMPORTING_CONFIGURATION }],
];

/** What happens after a process was stopped, before somebody runs again: each point has one of them in turn. */
const AFTERMATHS: readonly (readonly [string, (host: ModelHost) => Promise<void>])[] = [
  ['at once', async () => undefined],
  ['after the timer', host => host.fireTimer()],
  ['after a reboot', host => host.reboot()],
  [
    'after a reboot and the timer',
    async host => {
      await host.reboot();
      await host.fireTimer();
    },
  ],
];

type Run = (host: ModelHost, context: ChangeContext) => Promise<unknown>;

/** One way to get to a state, the run that is stopped, and the state that it leads to. */
interface Stopping {
  readonly prepare: readonly Run[];
  readonly run: Run;
  readonly settled: readonly string[];
}

const installFirst: Run = (host, context) => install(context, request(FIRST), modelPayload(host, FIRST));
const remove: Run = (_, context) => uninstall(context);
const installSecond: Run = (host, context) =>
  install(context, request(SECOND, { retry: true }), modelPayload(host, SECOND));

/** Stops a run before each of its calls in turn; a third of them go on with a removal. Returns how many there are. */
async function stopEverywhere(t: Test, options: ModelOptions, stopping: Stopping): Promise<number> {
  // One of two ways to write is enough to stop at every call; the other has the same steps.
  const stride = options.method === 'drop-in' ? 5 : 1;
  for (let point = 1; point < 1000; point += stride) {
    const host = new ModelHost(options);
    try {
      if (!(await stopAtPoint(t, host, { ...stopping, point }))) return point - stride;
    } finally {
      host.remove();
    }
  }
  throw new Error('the run does not end');
}

/** @returns false when the run has no such call */
async function stopAtPoint(
  t: Test,
  host: ModelHost,
  { prepare, run, settled, point }: Stopping & { readonly point: number },
): Promise<boolean> {
  const original = treeOf(host.root);
  for (const step of prepare) await step(host, host.context());
  const error = await run(host, host.context(stopAt(point))).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error === undefined) return false;
  const [aftermath, happen] = AFTERMATHS[point % AFTERMATHS.length] ?? AFTERMATHS[0] ?? [];
  const what = `stopped at ${point}, ${aftermath}: ${error instanceof Error ? error.message : ''}`;
  await happen?.(host);
  if (host.loaded === undefined) t.fail(`${what}: the container runtime is down`);
  if (point % 3 !== 0) await finish(run, host);
  else await uninstall(host.context());
  if (host.isArmed()) t.fail(`${what}: the timer is still armed`);
  const loaded = (host.loaded ?? []).filter(name => name === 'runsc');
  if (loaded.join() !== (point % 3 === 0 ? '' : settled.join())) t.fail(`${what}: CRI has loaded [${loaded.join()}]`);
  await uninstall(host.context());
  const left = treeOf(host.root);
  if (left.join('\n') !== original.join('\n')) t.strictSame(left, original, `${what}: removal gives the host back`);
  return true;
}

/** A change that the timer put back is refused once, and tried again when somebody says so. */
async function finish(run: Run, host: ModelHost): Promise<void> {
  const result = await run(host, host.context());
  if (JSON.stringify(result).includes('RolledBackBefore')) {
    await install(host.context(), request(FIRST, { retry: true }), modelPayload(host, FIRST));
  }
}

for (const [method, options] of HOSTS) {
  t.test(`an install by ${method} is there once, and removal gives back every byte`, async t => {
    const host = modelHost(t, options);
    const before = treeOf(host.root);
    for (let cycle = 1; cycle <= 10; cycle += 1) {
      const first = await install(host.context(), request(FIRST), modelPayload(host, FIRST));
      t.match(first, { outcome: 'installed', restarted: true, payload: 'installed' }, `cycle ${cycle}`);
      t.ok(host.loaded?.includes('runsc'));
      t.notOk(host.isArmed());
      const installed = treeOf(host.root);
      const { restarts } = host;
      t.match(await install(host.context(), request(FIRST), modelPayload(host, FIRST)), { outcome: 'unchanged' });
      t.strictSame([treeOf(host.root), host.restarts], [installed, restarts], 'nothing written, nothing restarted');
      t.match(await uninstall(host.context()), { outcome: 'uninstalled', restarted: true });
      t.strictSame(treeOf(host.root), before);
      t.notOk(host.loaded?.includes('runsc'));
    }
    t.match(await uninstall(host.context()), { outcome: 'absent', restarted: false });
    t.strictSame(treeOf(host.root), before);
  });

  t.test(`whatever is stopped at any call on a host with ${method} ends at the next run`, async t => {
    const stoppings: Readonly<Record<string, Stopping>> = {
      install: { prepare: [], run: installFirst, settled: ['runsc'] },
      upgrade: { prepare: [installFirst], run: installSecond, settled: ['runsc'] },
      uninstall: { prepare: [installFirst], run: remove, settled: [] },
    };
    for (const [name, stopping] of Object.entries(stoppings)) {
      const points = await stopEverywhere(t, options, stopping);
      t.ok(points > 20, `${name}: ${points} points, each ended well`);
    }
  });
}
