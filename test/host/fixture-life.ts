import { dirname } from 'node:path';
import type { Test } from 'tap';
import type { InstallResult } from '../../src/node/change/install.ts';
import { uninstall } from '../../src/node/change/uninstall.ts';
import { compareDumps } from '../../src/node/containerd/compare-dumps.ts';
import type { ConfigurationChange } from '../../src/node/containerd/configuration.ts';
import { openHostFiles } from '../../src/node/host/local-host-files.ts';
import { NodeError } from '../../src/node/node-error.ts';
import { ModelHost } from '../node/change-host.ts';
import { FIRST, installOn, SECOND } from '../node/change-runs.ts';
import { type FixtureHost, layoutOf } from '../node/containerd-hosts.ts';
import { treeOf } from '../node/tree.ts';
import { entryOf, treeDifference } from '../node/tree-difference.ts';
import type { ContainerdBuild } from './containerd-builds.ts';
import { fixtureContainerd, makeMountPoints } from './fixture-containerd.ts';
import { placeFixture } from './fixture-variants.ts';

/** One host with one containerd. */
export interface FixtureTrial {
  readonly fixture: FixtureHost;
  readonly build: ContainerdBuild;
  /** One of `VARIANTS`. */
  readonly variant: string;
  /** How often it is installed and removed. */
  readonly cycles: number;
}

/** What came of a trial. */
export interface FixtureOutcome {
  /** `installed`, `adopted`, or why it was refused. */
  readonly outcome: string;
  /** The configuration file that was changed. */
  readonly path: string | undefined;
}

/** A host before anything of ours came. */
interface Original {
  readonly name: string;
  readonly tree: readonly string[];
  readonly dump: string | undefined;
  /** The root file of containerd, below the root of the host and without links. */
  readonly rootFile: string;
}

/**
 * Installs on a host, again, in a later release, and removes it, once and then as often as is said, and looks at the
 * whole tree after each.
 */
export async function liveThrough(t: Test, trial: FixtureTrial): Promise<FixtureOutcome> {
  const { fixture, build, variant, cycles } = trial;
  const host = new ModelHost({ configuration: '', containerd: fixtureContainerd(build, fixture.unit) });
  try {
    makeMountPoints(host.root);
    placeFixture(fixture, variant, host.root);
    const placed = treeOf(host.root);
    await host.reboot();
    const name = `${fixture.name}, ${variant}, containerd ${build.version}`;
    const { configuration } = layoutOf(fixture.unit);
    const rootFile = (await openHostFiles(host.root).resolve(configuration)).slice(1);
    const original = { name, tree: treeOf(host.root), dump: host.dump, rootFile };
    t.strictSame(treeDifference(placed, original.tree), [], `${name}: its own start changes nothing`);
    const first = await attempt(host);
    const { change } = first;
    if (change === undefined) {
      checkUntouched(t, host, original);
      return first;
    }
    const installed = await checkInstalled(t, host, { original, change });
    await checkUpgrade(t, host, { original, change });
    await checkRemoved(t, host, original);
    t.match(await uninstall(host.context()), { outcome: 'absent' });
    for (let cycle = 2; cycle <= cycles; cycle += 1) {
      await installOn(host);
      t.strictSame(treeDifference(installed, treeOf(host.root)), [], `${name}: installed in cycle ${cycle}`);
      await checkRemoved(t, host, original);
    }
    return first;
  } finally {
    host.remove();
  }
}

/** The first install; without a change nothing was done. */
interface Attempt extends FixtureOutcome {
  readonly change: ConfigurationChange | undefined;
}

async function attempt(host: ModelHost): Promise<Attempt> {
  const nothing = { change: undefined, path: undefined };
  let result: InstallResult;
  try {
    result = await installOn(host);
  } catch (error) {
    if (error instanceof NodeError && error.code === 'NodeRefused') return { outcome: error.reason, ...nothing };
    throw error;
  }
  const { change, refusals } = result.plan;
  if (result.outcome !== 'installed') return { outcome: refusals[0]?.reason ?? result.outcome, ...nothing };
  if (change === undefined) throw new Error('installed without a change of the configuration');
  return { outcome: 'installed', change, path: change.path };
}

function checkUntouched(t: Test, host: ModelHost, { name, tree }: Original): void {
  t.strictSame(treeDifference(tree, treeOf(host.root)), [], `${name}: refused, and not touched`);
  t.equal(host.restarts, 0, `${name}: nothing restarted`);
}

interface Expectation {
  readonly original: Original;
  readonly change: ConfigurationChange;
}

/** @returns the tree after the install */
async function checkInstalled(t: Test, host: ModelHost, { original, change }: Expectation): Promise<readonly string[]> {
  const { name, tree, dump = '' } = original;
  const installed = treeOf(host.root);
  t.strictSame(ownDifference(tree, installed), entriesAfter(original, change, FIRST), `${name}: after install`);
  t.ok(host.loaded?.includes('runsc'), `${name}: the handler is loaded`);
  t.ok(host.loaded?.includes('runc'), `${name}: and the other one still`);
  const { entries, removed } = change;
  const found = compareDumps({ before: dump, after: host.dump ?? '', entries, removed });
  t.strictSame(found, [], `${name}: containerd has read our handler and what it read before`);
  const { restarts } = host;
  t.match(await installOn(host), { outcome: 'unchanged', restarted: false }, `${name}: a second install`);
  t.strictSame(treeDifference(installed, treeOf(host.root)), [], `${name}: a second install writes nothing`);
  t.equal(host.restarts, restarts, `${name}: and restarts nothing`);
  return installed;
}

async function checkUpgrade(t: Test, host: ModelHost, { original, change }: Expectation): Promise<void> {
  const { name, tree } = original;
  t.match(await installOn(host, SECOND), { outcome: 'installed', collected: [FIRST] }, `${name}: an upgrade`);
  t.strictSame(
    ownDifference(tree, treeOf(host.root)),
    entriesAfter(original, change, SECOND),
    `${name}: after upgrade`,
  );
  t.match(host.dump, `/releases/${SECOND}/`, `${name}: containerd has read the later release`);
}

async function checkRemoved(t: Test, host: ModelHost, { name, tree, dump = '' }: Original): Promise<void> {
  t.match(await uninstall(host.context()), { outcome: 'uninstalled', restarted: true }, `${name}: removal`);
  t.strictSame(treeDifference(tree, treeOf(host.root)), [], `${name}: byte for byte as before`);
  const found = compareDumps({ before: dump, after: host.dump ?? '', entries: [], removed: [] });
  t.strictSame(found, [], `${name}: containerd has read what it read before`);
  t.notOk(host.isArmed(), `${name}: no timer is left`);
}

/** What differs, with a word for the hash in the name of runsc's configuration. */
function ownDifference(before: readonly string[], after: readonly string[]): readonly string[] {
  return treeDifference(before, after).map(line => line.replace(/runsc-[0-9a-f]{12}\.toml$/, 'runsc-HASH.toml'));
}

/** All that an install adds to a host and changes on it, as `treeDifference()` has it. */
function entriesAfter({ tree, rootFile }: Original, change: ConfigurationChange, release: string): readonly string[] {
  const folder = `opt/gvisor-injector/releases/${release}`;
  const path = change.path.slice(1);
  const rendered = change.method === 'template' ? [rootFile] : [];
  const made = [
    'opt',
    'etc/systemd/system/timers.target.wants',
    ...(change.folder === undefined ? [] : [change.folder.slice(1)]),
  ];
  return [
    '+ folder 755 0:0 var/lib/gvisor-injector',
    '+ file 600 0:0 var/lib/gvisor-injector/record.json',
    '+ folder 755 0:0 opt/gvisor-injector',
    '+ folder 755 0:0 opt/gvisor-injector/releases',
    `+ folder 755 0:0 ${folder}`,
    `+ file 644 0:0 ${folder}/SHA512SUMS`,
    `+ file 755 0:0 ${folder}/containerd-shim-runsc-v1`,
    `+ file 755 0:0 ${folder}/runsc`,
    `+ file 644 0:0 ${folder}/runsc-HASH.toml`,
    ...made
      .filter(name => entryOf(tree, name) === undefined)
      .map(name => `+ folder 755 0:${groupAt(tree, name)} ${name}`),
    ...[path, ...rendered].map(name => withChange(entryOf(tree, name), name)),
  ].toSorted();
}

/** A file that is changed keeps its mode and owner. */
function withChange(entry: string | undefined, name: string): string {
  return entry === undefined ? `+ file 644 0:0 ${name}` : `~ ${entry}`;
}

/** The group that a new folder gets: that of a folder with the bit for it, else root. */
function groupAt(tree: readonly string[], name: string): string {
  const [, mode = '', owner = ''] = entryOf(tree, dirname(name))?.split(' ') ?? [];
  return mode.length === 4 && '2367'.includes(mode.charAt(0)) ? (owner.split(':')[1] ?? '0') : '0';
}
