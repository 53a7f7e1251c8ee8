import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AloneResult } from './backstop-alone.ts';
import type { Attack } from './backstop-attack.ts';
import type { Differential } from './backstop-differential.ts';
import type { LabelWindow } from './backstop-label-window.ts';
import type { CostRow } from './backstop-limits.ts';
import type { NamespaceRow } from './backstop-namespace-attacks.ts';
import type { OutageRow } from './backstop-outage.ts';
import type { TableRow } from './backstop-table.ts';
import type { WorkloadRow } from './backstop-workloads.ts';
import { REPOSITORY } from './layout.ts';
import { WEBHOOK_STATES } from './backstop-webhook-states.ts';

/** All that the page says was seen. */
export interface PageFacts {
  readonly attacks: readonly TableRow[];
  readonly namespaces: readonly NamespaceRow[];
  readonly workloads: { readonly up: readonly WorkloadRow[]; readonly down: readonly WorkloadRow[] };
  readonly outage: readonly OutageRow[];
  readonly window: LabelWindow;
  readonly removedProfile: string;
  readonly staticPod: string;
  readonly differentials: readonly (readonly [version: string, Differential])[];
  /** API servers without nodes, by version. */
  readonly alone: readonly AloneResult[];
}

const FILE = join(REPOSITORY, 'docs/backstop.md');

const HEAD = `# The backstop, attacked

ValidatingAdmissionPolicies judge every Pod in the API server itself, after all webhooks. A Pod that should be sandboxed and
is not is refused, whatever happened to the webhook: down, deleted, wrong, or overruled by a later one. Everything below is
what the tests saw on a real cluster; \`UPDATE_FIXTURES=1 npm run test:cluster\` renders it again.

How to read it: \`webhook: REASON\` and \`backstop: REASON\` are refusals, with the reason code that the client is told;
\`sandboxed as CLASS\` and \`not sandboxed\` are Pods that were created. A webhook that is *wrong* allows everything and
patches nothing.
`;

const LIMITS = `## Limits

- A label that is added to a namespace counts once the API server's watch has seen it; the backstop reads the same cache as
  the webhook's selectors. How long that was: see above. A namespace that is made with its label has no such window.
- Who may write these policies, their bindings, RuntimeClasses or the namespace's labels is trusted: a cluster administrator can
  take the backstop away. The component \`protect-labels\` takes the labels out of other hands.
- Who may delete and create namespaces can make one of the same name without the label.
- A static Pod is made by who can write files on a node, and runs there whatever the API server says.
- What gVisor cannot run is for the webhook to find (reason \`Incompatible\`): without it such a Pod is created, and fails in its
  sandbox.
`;

/** Renders docs/backstop.md, when \`UPDATE_FIXTURES\` is set. */
export async function writePage(facts: PageFacts): Promise<void> {
  if (process.env['UPDATE_FIXTURES'] === '1') await writeFile(FILE, renderPage(facts));
}

/** The page as Markdown. */
export function renderPage(facts: PageFacts): string {
  const { attacks, namespaces, workloads, outage, window, removedProfile, staticPod, differentials, alone } = facts;
  return [
    HEAD,
    `## Attacks on Pods\n\nIn namespaces labelled \`gvisor\` (alternative: \`strict\`) unless it says otherwise.\n\n${attackTable(attacks)}`,
    `A real static Pod, made while the webhook was down: ${staticPod}. A namespace labelled with a profile that was then removed from the\npolicy: ${removedProfile}.\n`,
    `## Workloads\n\n${workloadTable(workloads)}`,
    `## Attacks on namespaces\n\nWith the component \`protect-labels\`; the webhook makes no difference here.\n\n${namespaceTable(namespaces)}`,
    outageSection(outage),
    windowSection(window),
    differentialSection(differentials),
    `## Cost and versions\n\nWithout the webhook. The API server's own type checks found nothing in any expression, on each of these.\n\n${costTable(alone)}`,
    `The attacks on Pods and namespaces were repeated on the API servers of ${alone.map(({ version }) => version).join(' and ')} without nodes, with the same results.\n`,
    LIMITS,
  ].join('\n');
}

function attackTable(rows: readonly TableRow[]): string {
  return table(
    ['attack', 'expected', ...WEBHOOK_STATES.map(state => `seen, webhook ${state}`)],
    rows.map(({ what, expected, seen }) => [what, expectation(expected), ...WEBHOOK_STATES.map(state => seen[state])]),
  );
}

function expectation({ up, without }: Attack['expected']): string {
  return up === without ? up : `${up}; without it ${without}`;
}

function namespaceTable(rows: readonly NamespaceRow[]): string {
  return table(
    ['attack', 'expected', 'seen'],
    rows.map(({ what, expected, seen }) => [what, expected, seen]),
  );
}

function workloadTable({ up, down }: PageFacts['workloads']): string {
  return table(
    ['its Pods ask for nothing', 'seen, webhook up', 'seen, webhook down'],
    up.map(({ kind, seen }, index) => [kind, seen, down[index]?.seen ?? '']),
  );
}

function outageSection(rows: readonly OutageRow[]): string {
  const counts = table(
    ['namespace', 'Pods', 'created', 'denied', 'other answers', 'created outside a sandbox'],
    rows.map(({ namespace, pods, created, denied, failed, unsandboxed }) => [
      namespace.replace('backstop-outage-', ''),
      pods,
      ...[created, denied, failed, unsandboxed].map(String),
    ]),
  );
  return `## Outage\n\nAll replicas were killed for a minute while Pods of each kind were created without a pause, from a little before until a little\nafter. Injectable Pods have nothing, compliant ones all that their profile asks for, foreign ones another RuntimeClass.\n\n${counts}`;
}

function windowSection({ rounds, late, longestMilliseconds }: LabelWindow): string {
  const seen =
    late === 0
      ? 'none was created outside a sandbox'
      : `in ${late} of them a Pod that was asked for afterwards was created outside a sandbox, the last one ${longestMilliseconds} ms after the label`;
  return `## A label that is added later\n\n${rounds} times a namespace was labelled while Pods were created in it: ${seen}.\n`;
}

function differentialSection(results: PageFacts['differentials']): string {
  const rows = results.map(([version, found]) => [
    version,
    ...[found.pods, found.letThrough, found.deniedByWebhook, found.deniedByBoth].map(String),
    found.onlyWebhook.join(', '),
    String(found.invalid.length),
  ]);
  const header = [
    'API server',
    'Pods',
    'let through by both',
    'denied by the webhook',
    'by the backstop too',
    'by the webhook alone',
    'not valid Pods',
  ];
  return `## Webhook and backstop on the same Pods\n\nEvery Pod among the fixtures, by its own policy, through a real webhook and the backstop; then again without the webhook, those that\nit denied with the class and selector written into them. Nothing that the webhook let through was denied.\n\n${table(header, rows)}`;
}

function costTable(results: readonly AloneResult[]): string {
  const rows = results.flatMap(({ version, costs }) =>
    costs.map(({ what, seen, milliseconds }: CostRow) => [version, what, seen, `${milliseconds} ms`]),
  );
  return table(['API server', 'Pod, as a dry run', 'seen', 'answered after'], rows);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}
