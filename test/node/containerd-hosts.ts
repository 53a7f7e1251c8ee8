import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stringify } from 'smol-toml';
import type {
  ConfigurationChange,
  ContainerdConfiguration,
  HandlerEntry,
} from '../../src/node/containerd/configuration.ts';
import {
  mergesImports,
  newestConfigurationVersion,
  parseContainerdVersion,
} from '../../src/node/containerd/containerd-version.ts';
import { criSection, handlerTables } from '../../src/node/containerd/handler-tables.ts';
import { parseToml } from '../../src/node/containerd/toml.ts';
import { detectLayout } from '../../src/node/layout/detect-layout.ts';
import type { Layout } from '../../src/node/layout/layout.ts';
import type { Refusal } from '../../src/node/reason.ts';
import type { UnitState } from '../../src/node/systemd/systemd.ts';
import type { JsonObject } from '../../src/policy/json.ts';
import { parseObject } from '../support/webhook.ts';

const FOLDER = 'test/fixtures/node/hosts';
const RELEASE = '/opt/gvisor-injector/releases/20260914.0';

/** What containerd is told in every test of a host. */
export const ENTRY: HandlerEntry = {
  name: 'runsc',
  runtimePath: `${RELEASE}/containerd-shim-runsc-v1`,
  configPath: `${RELEASE}/runsc.toml`,
  podAnnotations: [],
};

/** The same handler in a later release. */
export const NEXT_ENTRY: HandlerEntry = {
  ...ENTRY,
  runtimePath: ENTRY.runtimePath.replace('0914', '1005'),
  configPath: ENTRY.configPath.replace('0914', '1005'),
  podAnnotations: ['dev.gvisor.spec.mount.*'],
};

/** A host of the fixtures: a small root file system, and what runs on it. */
export interface FixtureHost {
  readonly name: string;
  /** The root of the host. */
  readonly root: string;
  /** Version of its containerd. */
  readonly containerd: string;
  /** The systemd unit that is active. */
  readonly unit: string;
}

/** Every host of the fixtures. */
export function fixtureHosts(): readonly FixtureHost[] {
  return readdirSync(FOLDER)
    .toSorted()
    .map(name => {
      const { containerd, unit } = parseObject(readFileSync(`${FOLDER}/${name}/host.json`, 'utf8'));
      return { name, root: `${FOLDER}/${name}/root`, containerd: String(containerd), unit: String(unit) };
    });
}

/** A unit that is active and starts a program. */
export function activeUnit(...command: readonly string[]): UnitState {
  return { activeState: 'active', command, environment: [], activeSince: 1, mainProcess: 1 };
}

/** The layout of a host on which one unit is active. */
export function layoutOf(unit: string): Layout {
  const name = unit.split(/[-.]/)[0] ?? '';
  const command = name === 'containerd' ? ['/usr/bin/containerd'] : [`/usr/local/bin/${name}`, 'server'];
  const layout = detectLayout({ units: new Map([[unit, activeUnit(...command)]]), osRelease: new Map(), files: [] });
  if ('reason' in layout) throw new Error(layout.sentence);
  return layout;
}

/** containerd 1.7's own handler, as it dumps it. */
const DEFAULT_HANDLER = {
  runtime_type: 'io.containerd.runc.v2',
  runtime_path: '',
  pod_annotations: [],
  privileged_without_host_devices: false,
  sandbox_mode: 'podsandbox',
  options: { BinaryName: '', Root: '', SystemdCgroup: false },
} as const;

/**
 * What `config dump` says of the handlers, by the rules of facts that `containerd-dump-checks.ts` proves with the real
 * ones: containerd 1 takes the last table of CRI and knows `runc` only where no file has handlers, containerd 2 merges.
 */
export function dumpOf({ root, imported }: ContainerdConfiguration, containerdVersion: string): string {
  const version = parseContainerdVersion(containerdVersion) ?? { major: 1, minor: 0, patch: 0 };
  const trees = [root, ...imported].flatMap(file => {
    const result = parseToml(file?.text ?? '');
    return 'tree' in result ? [result.tree] : [];
  });
  const all = trees.map(handlerTables).filter(tables => Object.keys(tables).length > 0);
  const merged = all.reduce((into, tables) => ({ ...into, ...tables }), {});
  const runtimes = mergesImports(version)
    ? { runc: DEFAULT_HANDLER, ...merged }
    : (all.at(-1) ?? { runc: DEFAULT_HANDLER });
  const newest = newestConfigurationVersion(version);
  return stringify({ version: newest, plugins: { [criSection(newest)]: { containerd: { runtimes } } } });
}

/** What came of planning on a fixture, as its folder `expected` has it: an outcome, and texts by their file names. */
export interface Expectation {
  readonly outcome: JsonObject;
  readonly texts: Readonly<Record<string, string>>;
}

/** The expectation that a plan makes true. */
export function expectationOf(plan: ConfigurationChange | Refusal | undefined): Expectation {
  if (plan === undefined) return { outcome: { change: 'none' }, texts: {} };
  if ('reason' in plan) return { outcome: { ...plan }, texts: {} };
  const { method, path, folder, entries, removed, before, after, candidate } = plan;
  const outcome = {
    method,
    path,
    folder,
    isNew: before === undefined,
    entries: entries.map(({ name }) => name),
    removed,
  };
  const texts = {
    'after.toml': after,
    // Only where they say something else.
    'candidate-root.toml': candidate.root === after ? undefined : candidate.root,
    'candidate-drop-in.toml': candidate.dropIn === after ? undefined : candidate.dropIn,
  };
  return {
    outcome: parseObject(JSON.stringify(outcome)),
    texts: Object.fromEntries(
      Object.entries(texts).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
    ),
  };
}

/** The expectation that lies beside a fixture. */
export function readExpectation({ name }: FixtureHost): Expectation {
  const folder = `${FOLDER}/${name}/expected`;
  const files = existsSync(folder) ? readdirSync(folder).toSorted() : [];
  const texts = files
    .filter(file => file.endsWith('.toml'))
    .map(file => [file, readFileSync(`${folder}/${file}`, 'utf8')] as const);
  const outcome = files.includes('outcome.json') ? parseObject(readFileSync(`${folder}/outcome.json`, 'utf8')) : {};
  return { outcome, texts: Object.fromEntries(texts) };
}

/** Writes the expectation of a fixture, for UPDATE_FIXTURES=1. */
export function writeExpectation({ name }: FixtureHost, { outcome, texts }: Expectation): void {
  const folder = `${FOLDER}/${name}/expected`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(`${folder}/outcome.json`, `${JSON.stringify(outcome, null, 2)}\n`);
  for (const [file, text] of Object.entries(texts)) writeFileSync(`${folder}/${file}`, text);
}
