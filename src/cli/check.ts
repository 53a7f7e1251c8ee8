import { namespaceWarnings, podLabelWarning } from '../documents/misplaced-keys.ts';
import { formatObject, formatPlace, type Place } from '../documents/read-manifests.ts';
import { EXIT_CODES } from '../errors/user-error.ts';
import type { Decision } from '../policy/decision.ts';
import { printable } from '../policy/printable.ts';
import { describe } from '../policy/sandbox-rules.ts';
import type { Command } from './command.ts';
import { choiceFlag, parseFlags } from './flags.ts';
import { MANIFEST_FLAGS, MANIFEST_HELP, MANIFEST_SHORT_FLAGS, readManifestQuestion } from './manifest-inputs.ts';
import { renderTable } from './table.ts';

const OUTPUTS = ['table', 'json'] as const;

/** `check`: what the webhook would decide on each Pod of the manifests, offline. */
export const check: Command = {
  summary: 'decision and findings for each Pod of manifests, offline',
  help: `gvisor-injector check -f manifests/

Prints what the webhook would decide on each Pod and workload template, with what gVisor refuses, ignores or changes.
Nothing is changed. Acts as in a namespace labelled with the default profile.

${MANIFEST_HELP}      --output FORMAT  table (default), or json: an array with one object a Pod

Paths of findings are seen from the Pod, also in a template.
Exit codes: 0 no Pod would be denied, 2 bad usage or input, 3 at least one would be (with --trigger audit none ever is).
`,
  run: async (args, io) => {
    const flags = parseFlags(args, {
      command: 'check',
      flags: { ...MANIFEST_FLAGS, output: 'string' },
      short: MANIFEST_SHORT_FLAGS,
    });
    const output = choiceFlag('check', { name: 'output', value: flags.output ?? 'table', choices: OUTPUTS });
    const { policy, target, manifests, ask } = await readManifestQuestion('check', flags, io);
    const checked = manifests.flatMap(({ pods }) =>
      pods.map((found): CheckedPod => {
        const misplaced = podLabelWarning(found, policy);
        const decision = ask(found.pod, found.place);
        const warnings = misplaced === undefined ? decision.warnings : [...decision.warnings, misplaced];
        return { place: found.place, decision: { ...decision, warnings } };
      }),
    );
    const beside = manifests
      .flatMap(read => namespaceWarnings(read, policy))
      .map(({ place, message }) => `${locate(place)}: ${message}\n`)
      .join('');
    if (output === 'json') {
      io.stdout.write(`${JSON.stringify(checked.map(toJson), undefined, 2)}\n`);
      io.stderr.write(beside);
    } else {
      io.stdout.write(renderChecked(checked) + beside);
    }
    if (checked.length === 0)
      io.stderr.write('no Pod and no workload template in the input: there was nothing to check\n');
    const isDenied = target.trigger !== 'audit' && checked.some(({ decision }) => decision.outcome === 'denied');
    return isDenied ? EXIT_CODES.answerIsNo : EXIT_CODES.done;
  },
};

interface CheckedPod {
  readonly place: Place;
  readonly decision: Decision;
}

/** The table, then what a person needs to know of each Pod that is not simply fine. */
function renderChecked(checked: readonly CheckedPod[]): string {
  if (checked.length === 0) return '';
  const rows = checked.map(({ place, decision: { outcome, reason, findings } }) => [
    `${place.file}:${place.line}`,
    formatObject(place),
    outcome,
    reason,
    [...new Set(findings.map(({ code }) => code))].join(','),
  ]);
  const notes = checked.flatMap(({ place, decision }) => notesOf(decision).map(note => `${locate(place)}: ${note}\n`));
  return `${renderTable(['where', 'object', 'outcome', 'reason', 'findings'], rows)}${notes.length > 0 ? '\n' : ''}${notes.join('')}`;
}

function notesOf({ outcome, message, findings, warnings }: Decision): readonly string[] {
  const denial = outcome === 'denied' ? [message] : [];
  const described = findings.map(finding => `${finding.code} (${finding.severity}): ${describe(finding)}`);
  const findingWarnings = new Set(findings.map(finding => printable(describe(finding), 120)));
  return [...denial, ...described, ...warnings.filter(warning => !findingWarnings.has(warning))];
}

function locate(place: Place): string {
  return `${formatPlace(place)}: ${formatObject(place)}`;
}

function toJson({ place, decision }: CheckedPod) {
  const { file, line, kind, namespace, name } = place;
  const { outcome, reason, profile, message, findings, warnings, patch } = decision;
  return { file, line, kind, namespace, name, outcome, reason, profile, message, findings, warnings, patch };
}
