import { stringifyYaml } from '../documents/stringify-yaml.ts';
import { applyPatch } from '../documents/apply-patch.ts';
import { admissionPath } from '../policy/admission-path.ts';
import { isJsonObject, type JsonObject, member } from '../policy/json.ts';
import type { PatchOperation } from '../policy/patch.ts';
import { printable } from '../policy/printable.ts';
import type { Scenario } from './demo-scenarios.ts';

const WIDTH = 13;

/** What the webhook said to a scenario, as a person at `kubectl` would want to see it, and what became of the Pod. */
export function renderScenario(number: number, scenario: Scenario, answer: unknown, record: JsonObject): string {
  const response = isJsonObject(answer) ? member(answer, 'response') : undefined;
  if (!isJsonObject(response)) throw new TypeError('the webhook did not answer with an AdmissionReview');
  const patch = readPatch(response);
  const warnings = member(response, 'warnings');
  const lines = [
    row('asked', `POST ${admissionPath(scenario.target)}  (Pod ${scenario.namespace}/${nameOf(scenario)})`),
    row(
      'decision',
      `${text(record, 'outcome')}, ${text(record, 'reason')}${record['mode'] === 'audit' ? ' (audit: only recorded)' : ''}`,
    ),
    ...(Array.isArray(warnings) ? warnings.map(warning => row('warning', String(warning))) : []),
    ...denial(response).map(message => row('message', message)),
    ...patch.map(({ path, value }, index) => row(index === 0 ? 'patch' : '', `add ${path} ${JSON.stringify(value)}`)),
    ...(patch.length > 0 ? podLines(scenario.pod, patch) : []),
    ...(patch.length === 0 && response['allowed'] === true ? [row('the Pod', 'as it came')] : []),
  ];
  return `${number}. ${scenario.title}\n${lines.map(line => `   ${line}\n`).join('')}\n`;
}

function row(label: string, value: string): string {
  return `${label.padEnd(WIDTH)}${printable(value, 1000)}`;
}

function text(record: JsonObject, key: string): string {
  const value = member(record, key);
  return typeof value === 'string' ? value : '';
}

function nameOf({ pod }: Scenario): string {
  const metadata = member(pod, 'metadata');
  return isJsonObject(metadata) ? text(metadata, 'name') : '';
}

function denial(response: JsonObject): readonly string[] {
  const status = member(response, 'status');
  return isJsonObject(status) ? [text(status, 'message')] : [];
}

function readPatch(response: JsonObject): readonly PatchOperation[] {
  const encoded = member(response, 'patch');
  if (typeof encoded !== 'string') return [];
  const patch: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'));
  if (!Array.isArray(patch)) throw new TypeError('a JSON Patch is an array');
  return patch.filter(isJsonObject).map(({ path, value }) => ({ op: 'add', path: String(path), value }));
}

/** The Pod as YAML; what the patch added is marked with a plus. */
function podLines(pod: JsonObject, patch: readonly PatchOperation[]): readonly string[] {
  const before = stringifyYaml(pod).trimEnd().split('\n');
  let next = 0;
  const after = stringifyYaml(applyPatch(pod, patch)).trimEnd().split('\n');
  const marked = after.map(line => {
    const isOld = line === before[next];
    if (isOld) next++;
    return `${isOld ? ' ' : '+'} ${line}`;
  });
  return marked.map((line, index) => `${(index === 0 ? 'the Pod now' : '').padEnd(WIDTH)}${line}`);
}
