import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import type { Target } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision, Requester } from '../../src/policy/decision.ts';
import { DEFAULT_NAMESPACE } from '../../src/policy/keys.ts';
import { readPod } from '../../src/policy/pod.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { parseObject } from './webhook.ts';

const FOLDER = 'test/fixtures/decisions';
const POLICIES = 'test/fixtures/policies';

/** One row of the table: a Pod, the question asked about it, the decision it must get. */
export interface DecisionFixture {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly pod: unknown;
  readonly policyName: string;
  readonly policy: Policy;
  readonly target: Target;
  readonly namespace: string;
  readonly requester: Requester | undefined;
  /** What the file beside it says; undefined while it is being made. */
  readonly expected: unknown;
}

/** The policies of the fixtures by name, with their texts. */
export function fixturePolicies(): ReadonlyMap<string, { readonly text: string; readonly policy: Policy }> {
  return new Map(
    readdirSync(POLICIES).map(file => {
      const text = readFileSync(`${POLICIES}/${file}`, 'utf8');
      const { policy } = parsePolicyDocument(text, { file, namespace: DEFAULT_NAMESPACE });
      return [file.replace(/\.yaml$/, ''), { text, policy }];
    }),
  );
}

/** Every fixture of the folder; the files are paired by name. */
export function decisionFixtures(): readonly DecisionFixture[] {
  const policies = fixturePolicies();
  return fixtureNames('.yaml').map(name => {
    const text = readFileSync(`${FOLDER}/${name}.yaml`, 'utf8');
    const { question, decision } = parseObject(readFileSync(`${FOLDER}/${name}.expected.json`, 'utf8'));
    const { policy: policyName = '', target, namespace = '', requester } = readQuestion(question);
    const policy = policies.get(policyName)?.policy;
    if (policy === undefined) throw new Error(`${name}: there is no policy fixture '${policyName}'`);
    const pod: unknown = parse(text);
    return {
      name,
      file: `${FOLDER}/${name}.yaml`,
      text,
      pod,
      policyName,
      policy,
      target,
      namespace,
      requester,
      expected: decision,
    };
  });
}

/** Names of expected files without a Pod beside them; there must be none. */
export function unusedExpectedFiles(): readonly string[] {
  const pods = new Set(fixtureNames('.yaml'));
  return fixtureNames('.expected.json').filter(name => !pods.has(name));
}

/** What `decide()` says of a fixture. */
export function decideFixture({ pod, policy, target, namespace, requester }: DecisionFixture): Decision {
  const reading = readPod(pod);
  if (reading.pod === undefined) throw new Error(reading.fault);
  return decide({ policy, target, namespace, pod: reading.pod, ...(requester === undefined ? {} : { requester }) });
}

/** Writes the decision into the expected file, for UPDATE_FIXTURES=1. */
export function updateFixture({ name }: DecisionFixture, decision: Decision): void {
  const file = `${FOLDER}/${name}.expected.json`;
  const { question } = parseObject(readFileSync(file, 'utf8'));
  writeFileSync(file, `${JSON.stringify({ question, decision: toPlain(decision) }, null, 2)}\n`);
}

/** The decision as JSON has it: absent members gone. */
export function toPlain(decision: Decision): unknown {
  return JSON.parse(JSON.stringify(decision));
}

function fixtureNames(ending: string): readonly string[] {
  return readdirSync(FOLDER)
    .filter(file => file.endsWith(ending))
    .map(file => file.slice(0, -ending.length))
    .toSorted();
}

function readQuestion(value: unknown): {
  policy?: string;
  target: Target;
  namespace?: string;
  requester: Requester | undefined;
} {
  const { policy, trigger, profile, optOut, namespace, requester } = parseObject(JSON.stringify(value));
  return {
    policy: String(policy),
    target: toTarget(trigger, String(profile), optOut === true),
    namespace: String(namespace),
    requester: toRequester(requester),
  };
}

function toTarget(trigger: unknown, profile: string, optOut: boolean): Target {
  switch (trigger) {
    case 'enforce':
      return { trigger, profile, optOut };
    case 'audit':
      return { trigger, profile };
    case 'pod':
      return { trigger };
    default:
      throw new Error(`unknown trigger ${String(trigger)}`);
  }
}

function toRequester(value: unknown): Requester | undefined {
  if (value === undefined) return undefined;
  const { username, groups } = parseObject(JSON.stringify(value));
  return { username: String(username), groups: Array.isArray(groups) ? groups.map(String) : [] };
}
