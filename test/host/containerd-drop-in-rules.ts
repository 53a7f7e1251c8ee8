import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import {
  mergesImports,
  newestConfigurationVersion,
  parseContainerdVersion,
} from '../../src/node/containerd/containerd-version.ts';
import { handlersOf, runcUsesSystemdCgroup } from '../../src/node/containerd/dump.ts';
import { CRI_SECTION_2, CRI_SECTION_3 } from '../../src/node/containerd/handler-tables.ts';
import { parseToml, valueAt } from '../../src/node/containerd/toml.ts';
import { REPOSITORY } from '../cluster/layout.ts';
import { tryCommand } from '../cluster/run-command.ts';
import type { ContainerdBuild } from './containerd-builds.ts';

/** One row: a root file of a version, and a drop-in of another or no version, under one section or the other. */
interface DropInRule {
  readonly root: 2 | 3 | 4;
  readonly dropIn: 2 | 3 | 4 | undefined;
  readonly section: string;
}

const RULES: readonly DropInRule[] = [
  { root: 2, dropIn: undefined, section: CRI_SECTION_2 },
  { root: 2, dropIn: 2, section: CRI_SECTION_2 },
  { root: 2, dropIn: undefined, section: CRI_SECTION_3 },
  { root: 2, dropIn: 3, section: CRI_SECTION_3 },
  { root: 3, dropIn: undefined, section: CRI_SECTION_3 },
  { root: 3, dropIn: 3, section: CRI_SECTION_3 },
  { root: 3, dropIn: undefined, section: CRI_SECTION_2 },
  { root: 3, dropIn: 2, section: CRI_SECTION_2 },
  { root: 3, dropIn: 4, section: CRI_SECTION_3 },
  { root: 4, dropIn: undefined, section: CRI_SECTION_3 },
  { root: 4, dropIn: 4, section: CRI_SECTION_3 },
];

/** What came of a drop-in, in the words of the table. */
const OUTCOMES = {
  ok: 'ok',
  exits: 'exits',
  rootExits: 'root: exits',
  rootIgnored: 'root: ignored',
  missing: '**handler missing**',
  lostHandlers: "**root's handlers lost**",
  lostSettings: "**root's CRI settings lost**",
} as const;
type Outcome = keyof typeof OUTCOMES;

const IMAGE = 'localhost/pause:of-the-root';
const FILE = join(REPOSITORY, 'docs/containerd-drop-ins.md');

/**
 * Prints what each containerd makes of a drop-in that has our handler and nothing else, and proves what the plans rely
 * on: containerd 1 loses the rest of CRI, containerd 2 merges under the root file's version and section.
 */
export async function checkDropInRules(t: Test, builds: readonly ContainerdBuild[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'containerd-drop-ins-'));
  try {
    const rows: (readonly Outcome[])[] = [];
    for (const rule of RULES) rows.push(await Promise.all(builds.map(build => tryRule(folder, rule, build))));
    const table = renderTable(builds, rows);
    for (const line of table) t.comment(line);
    for (const [index, rule] of RULES.entries()) {
      for (const [column, build] of builds.entries()) proveRule(t, rule, build, rows[index]?.[column]);
    }
    for (const build of builds) await proveForgetting(t, folder, build);
    if (process.env['UPDATE_FIXTURES'] === '1') await writeFile(FILE, renderDocument(builds, table));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the plans rely on, for the rows that they use, and the row why they use no drop-in with containerd 1. */
function proveRule(t: Test, rule: DropInRule, { version }: ContainerdBuild, outcome: Outcome | undefined): void {
  const parsed = parseContainerdVersion(version) ?? { major: 0, minor: 0, patch: 0 };
  const title = `${version}: ${describeRule(rule)}`;
  const isOwnSection = rule.section === (rule.root === 2 ? CRI_SECTION_2 : CRI_SECTION_3);
  if (!isOwnSection || rule.dropIn !== rule.root || rule.root > newestConfigurationVersion(parsed)) return;
  t.equal(outcome, mergesImports(parsed) ? 'ok' : 'lostSettings', title);
}

/** containerd 1 has its own handler only where no file names one; that is why our lines then hold that one too. */
async function proveForgetting(t: Test, folder: string, { program, version }: ContainerdBuild): Promise<void> {
  const path = join(folder, 'only-runsc.toml');
  const table = `[plugins.'${CRI_SECTION_2}'.containerd.runtimes.runsc]`;
  await writeFile(path, `version = 2\n${table}\nruntime_type = 'io.containerd.runsc.v1'\n`);
  const { stdout } = await tryCommand(program, ['--config', path, 'config', 'dump']);
  const parsed = parseContainerdVersion(version) ?? { major: 0, minor: 0, patch: 0 };
  t.strictSame(
    [...handlersOf(stdout).keys()].toSorted(),
    mergesImports(parsed) ? ['runc', 'runsc'] : ['runsc'],
    version,
  );
}

async function tryRule(
  folder: string,
  { root, dropIn, section }: DropInRule,
  build: ContainerdBuild,
): Promise<Outcome> {
  const work = await mkdtemp(join(folder, 'rule-'));
  const rootSection = root === 2 ? CRI_SECTION_2 : CRI_SECTION_3;
  const image =
    root === 2
      ? [`[plugins.'${CRI_SECTION_2}']`, `sandbox_image = '${IMAGE}'`]
      : ["[plugins.'io.containerd.cri.v1.images'.pinned_images]", `sandbox = '${IMAGE}'`];
  const rootLines = [
    `version = ${root}`,
    `imports = ['${work}/conf.d/*.toml']`,
    ...image,
    `[plugins.'${rootSection}'.containerd.runtimes.runc]`,
    "runtime_type = 'io.containerd.runc.v2'",
    `[plugins.'${rootSection}'.containerd.runtimes.runc.options]`,
    'SystemdCgroup = true',
  ];
  const dropInLines = [
    ...(dropIn === undefined ? [] : [`version = ${dropIn}`]),
    `[plugins.'${section}'.containerd.runtimes.runsc]`,
    "runtime_type = 'io.containerd.runsc.v1'",
  ];
  const path = join(work, 'config.toml');
  await writeFile(path, `${rootLines.join('\n')}\n`);
  const alone = await tryCommand(build.program, ['--config', path, 'config', 'dump']);
  if (alone.code !== 0) return 'rootExits';
  if (!keepsSettings(alone.stdout) || runcUsesSystemdCgroup(alone.stdout) !== true) return 'rootIgnored';
  await mkdir(join(work, 'conf.d'));
  await writeFile(join(work, 'conf.d/99-test.toml'), `${dropInLines.join('\n')}\n`);
  const { code, stdout } = await tryCommand(build.program, ['--config', path, 'config', 'dump']);
  if (code !== 0) return 'exits';
  if (!keepsSettings(stdout)) return 'lostSettings';
  if (runcUsesSystemdCgroup(stdout) !== true) return 'lostHandlers';
  return handlersOf(stdout).has('runsc') ? 'ok' : 'missing';
}

/** True when the root file's image for sandboxes is still there: it stands for all settings of CRI. */
function keepsSettings(dump: string): boolean {
  const result = parseToml(dump);
  if ('fault' in result) return false;
  const image = [
    valueAt(result.tree, 'plugins', CRI_SECTION_2, 'sandbox_image'),
    valueAt(result.tree, 'plugins', 'io.containerd.cri.v1.images', 'pinned_images', 'sandbox'),
  ];
  return image.includes(IMAGE);
}

function describeRule({ root, dropIn, section }: DropInRule): string {
  return `${root} → ${dropIn ?? 'none'}, ${section.replace('io.containerd.', '')}`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function renderTable(builds: readonly ContainerdBuild[], rows: readonly (readonly Outcome[])[]): readonly string[] {
  return [
    line(['root → drop-in (version, section)', ...builds.map(({ version }) => version.replace(/^v|\+unknown$/g, ''))]),
    line(['---', ...builds.map(() => '---')]),
    ...RULES.map((rule, index) => line([describeRule(rule), ...(rows[index] ?? []).map(outcome => OUTCOMES[outcome])])),
  ];
}

function renderDocument(builds: readonly ContainerdBuild[], table: readonly string[]): string {
  const sources = builds.map(({ version, source }) => `${version} (${source})`).join(', ');
  return `# What containerd makes of a drop-in

Rendered by \`UPDATE_FIXTURES=1 npm run test:host\` from what \`containerd config dump\` printed: ${sources}.

The root file imports a folder and has a handler \`runc\` with \`SystemdCgroup = true\` and an image for sandboxes; the
drop-in in that folder has a handler \`runsc\` and nothing else. 'Lost' and 'missing' are silent: the exit code is 0.

${table.join('\n')}

A root file that names a handler, and not \`runc\`: containerd 1 then has no \`runc\`, containerd 2 has its own.

So the node agent writes a drop-in for containerd 2 only, with the version of the root file and the section that belongs to
it. For containerd 1 it appends to the file whose CRI section counts, which is the last one that has any, and adds the
handlers that containerd has by itself where no file names one.
`;
}
