import { cpus } from 'node:os';
import type { Test } from 'tap';
import { compareDumps } from '../../src/node/containerd/compare-dumps.ts';
import type { ConfigurationChange, HandlerEntry } from '../../src/node/containerd/configuration.ts';
import { judgeContainerdVersion } from '../../src/node/containerd/containerd-version.ts';
import { handlersOf } from '../../src/node/containerd/dump.ts';
import { planConfiguration } from '../../src/node/containerd/plan-configuration.ts';
import { planRemoval } from '../../src/node/containerd/plan-removal.ts';
import type { Progress } from '../cluster/progress.ts';
import { ENTRY, fixtureHosts, layoutOf, NEXT_ENTRY } from '../node/containerd-hosts.ts';
import { type ContainerdBuild, obtainContainerds } from './containerd-builds.ts';
import { checkDropInRules } from './containerd-drop-in-rules.ts';
import { ContainerdTrial, type TrialOptions } from './containerd-trial.ts';

/** What the checks need. */
export interface ContainerdDumpOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** How the files of a host are written. */
const TEXTS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': text => text,
  'with CRLF': text => text.replaceAll('\n', '\r\n'),
  'without the last line break': text => text.replace(/\n$/, ''),
};

/**
 * Every host of the fixtures with every containerd that can be had: the plan is refused for a reason, or the node's own
 * `config dump` loads its candidate, has our handler and differs in nothing else; what then lies on the disk dumps like
 * the candidate; a second plan changes nothing; an upgrade differs in our handler alone; a removal gives the same bytes.
 */
export async function checkContainerdDumps(t: Test, { progress, signal }: ContainerdDumpOptions): Promise<void> {
  const builds = await obtainContainerds({ progress, signal, missing: sentence => t.comment(sentence) });
  for (const build of builds) {
    await t.test(`containerd ${build.version} (${build.source}) takes every plan for a host`, t =>
      checkBuild(t, build),
    );
  }
  await t.test('drop-ins do what the plans rely on', t => checkDropInRules(t, builds));
}

async function checkBuild(t: Test, build: ContainerdBuild): Promise<void> {
  const outcomes = new Map<string, number>();
  const pending = fixtureHosts().flatMap(host => Object.entries(TEXTS).map(([text, edit]) => ({ host, text, edit })));
  const work = async (): Promise<void> => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const { host, text, edit } = next;
      const layout = layoutOf(host.unit);
      const outcome = await tryHost(t, { name: `${host.name}, ${text}`, root: host.root, layout, build, edit });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(cpus().map(work));
  t.comment([...outcomes].map(([outcome, count]) => `${outcome}: ${count}`).join(', '));
  const isRefused = judgeContainerdVersion(build.version) !== undefined;
  t.equal(outcomes.get('planned') === undefined, isRefused, 'a containerd that is too old gets no plan, others do');
}

interface HostTrial extends TrialOptions {
  readonly name: string;
}

/** Plans, tries, changes, plans again, upgrades and removes. @returns what came of it, in a word */
async function tryHost(t: Test, { name, ...options }: HostTrial): Promise<string> {
  const { layout, build } = options;
  await using trial = await ContainerdTrial.begin(options);
  const configuration = await trial.read();
  const dumped = await trial.dump(configuration);
  const request = { layout, containerdVersion: build.version, configuration, dump: dumped.stdout };
  const plan = planConfiguration({ ...request, entries: [ENTRY] });
  if (plan === undefined) {
    t.ok(handlersOf(dumped.stdout).has(ENTRY.name), `${name}: nothing is planned where the handler is`);
    return 'nothing to do';
  }
  if ('reason' in plan) return plan.reason;
  t.equal(dumped.code, 0, `${name}: the configuration loads as it is`);
  const candidate = await trial.dumpCandidate(configuration, plan);
  t.equal(candidate.code, 0, `${name}: the candidate loads: ${candidate.stderr}`);
  t.strictSame(differences(dumped.stdout, candidate.stdout, plan), [], `${name}: only our handler is new`);
  await trial.apply(plan);
  const changed = await trial.read();
  const after = plan.method === 'template' ? candidate : await trial.dump(changed);
  t.strictSame(differences(candidate.stdout, after.stdout), [], `${name}: the real files say what the candidate said`);
  const again = { ...request, configuration: changed, dump: after.stdout };
  t.equal(planConfiguration({ ...again, entries: [ENTRY] }), undefined, `${name}: a second plan changes nothing`);
  const upgrade = expectChange(planConfiguration({ ...again, entries: [NEXT_ENTRY] }));
  const upgraded = await trial.dumpCandidate(changed, upgrade);
  t.strictSame(
    differences(after.stdout, upgraded.stdout, upgrade),
    [],
    `${name}: an upgrade changes our handler alone`,
  );
  const entry = { path: plan.path, sha256: plan.sha256 ?? '', created: plan.before === undefined };
  const removal = expectChange(planRemoval({ layout, configuration: changed, entry }));
  const removed = await trial.dumpCandidate(changed, removal);
  t.strictSame(differences(after.stdout, removed.stdout, removal), [], `${name}: a removal takes our handler alone`);
  t.strictSame(differences(dumped.stdout, removed.stdout), [], `${name}: a removal leaves what was there`);
  t.equal(removal.after, plan.before, `${name}: a removal gives the same bytes`);
  return 'planned';
}

function differences(before: string, after: string, change?: ConfigurationChange): readonly string[] {
  const none: readonly HandlerEntry[] = [];
  return compareDumps({ before, after, entries: change?.entries ?? none, removed: change?.removed ?? [] });
}

function expectChange(plan: ReturnType<typeof planConfiguration>): ConfigurationChange {
  if (plan !== undefined && 'method' in plan) return plan;
  throw new Error(`no change: ${plan?.sentence ?? 'nothing to do'}`);
}
