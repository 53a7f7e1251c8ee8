import { cpus } from 'node:os';
import type { Test } from 'tap';
import { judgeContainerdVersion, parseContainerdVersion } from '../../src/node/containerd/containerd-version.ts';
import type { Progress } from '../cluster/progress.ts';
import { type FixtureHost, fixtureHosts, readExpectation } from '../node/containerd-hosts.ts';
import { type ContainerdBuild, obtainContainerds } from './containerd-builds.ts';
import { type FixtureOutcome, type FixtureTrial, liveThrough } from './fixture-life.ts';
import { VARIANTS } from './fixture-variants.ts';

/** What the checks need. */
export interface FixtureTreeOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Hosts that are installed and removed ten times: each of another method, layout or version of containerd. */
const CYCLED: Readonly<Record<string, string>> = {
  'debian-trixie': 'with CRLF',
  'no-file-1.7': 'as it is',
  'nvidia-1.7': 'with folders that are links',
  eks: 'with odd modes and owners',
  'default-config': 'with comments',
  'literal-imports': 'with files that are links',
  k3s: 'without the last line break',
};
const CYCLES = 10;

/** Of an install that went as far as to ask containerd, or to write. */
const LATE_REFUSALS: readonly string[] = ['OracleRefused', 'ConfigurationChangedMeanwhile'];

/**
 * The whole way of the product on every host of the fixtures, each with a real containerd that reads the host's files:
 * install, a second install, an upgrade and a removal, with the whole tree compared after each. A host that is refused
 * is not touched. Needs root, for mounts that end with each program.
 */
export async function checkFixtureTrees(t: Test, { progress, signal }: FixtureTreeOptions): Promise<void> {
  const builds = await obtainContainerds({ progress, signal, missing: sentence => t.comment(sentence) });
  const fixtures = fixtureHosts();
  await t.test('every host with every containerd', async t => {
    const trials = fixtures.flatMap((fixture, row) =>
      builds.map((build, column) => ({ fixture, build, variant: variantAt(fixture, build, row + column), cycles: 1 })),
    );
    await progress('installing on every fixture host', async () => await tryAll(t, trials));
  });
  await t.test('ten cycles leave the same bytes', async t => {
    const trials = fixtures.flatMap(fixture => {
      const variant = CYCLED[fixture.name];
      const build = builds.find(build => isOwn(fixture, build));
      return variant === undefined || build === undefined ? [] : [{ fixture, build, variant, cycles: CYCLES }];
    });
    t.equal(trials.length, Object.keys(CYCLED).length);
    await progress('installing and removing ten times', async () => await tryAll(t, trials));
  });
}

/** Files as they are with the host's own containerd; with the others one variant after the other. */
function variantAt(fixture: FixtureHost, build: ContainerdBuild, index: number): string {
  const [plain = '', ...others] = Object.keys(VARIANTS);
  return isOwn(fixture, build) ? plain : (others[index % others.length] ?? plain);
}

/** True for a containerd of the line that the host has. */
function isOwn(fixture: FixtureHost, build: ContainerdBuild): boolean {
  const [own, other] = [fixture.containerd, build.version].map(parseContainerdVersion);
  return own?.major === other?.major && own?.minor === other?.minor;
}

async function tryAll(t: Test, trials: readonly FixtureTrial[]): Promise<void> {
  const counts = new Map<string, number>();
  const pending = [...trials];
  const work = async (): Promise<void> => {
    for (let trial = pending.shift(); trial !== undefined; trial = pending.shift()) {
      const outcome = await liveThrough(t, trial);
      checkOutcome(t, trial, outcome);
      counts.set(outcome.outcome, (counts.get(outcome.outcome) ?? 0) + 1);
    }
  };
  await Promise.all(cpus().map(work));
  t.comment([...counts].map(([outcome, count]) => `${outcome}: ${count}`).join(', '));
}

function checkOutcome(t: Test, { fixture, build, variant, cycles }: FixtureTrial, found: FixtureOutcome): void {
  const name = `${fixture.name}, ${variant}, containerd ${build.version}`;
  t.notOk(LATE_REFUSALS.includes(found.outcome), `${name}: refused by the plan or not at all`);
  if (cycles > 1) t.equal(found.outcome, 'installed', name);
  if (judgeContainerdVersion(build.version) !== undefined) t.not(found.outcome, 'installed', name);
  // Where a fixture's own containerd is a bad one, there is a later one of the same line here.
  const isKnownBad = judgeContainerdVersion(fixture.containerd)?.reason === 'ContainerdKnownBad';
  if (!isOwn(fixture, build) || variant !== 'as it is' || isKnownBad) return;
  const { outcome } = readExpectation(fixture);
  const expected = outcome['reason'] ?? (outcome['change'] === 'none' ? 'adopted' : 'installed');
  t.strictSame(found, { ...found, outcome: expected, path: outcome['path'] }, `${name}: as the fixture says`);
}
