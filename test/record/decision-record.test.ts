import { readFileSync, writeFileSync } from 'node:fs';
import { toJsonSchema } from '@valibot/to-json-schema';
import { Ajv } from 'ajv';
import * as fc from 'fast-check';
import t from 'tap';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { admissionTargets, TRIGGERS } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import { REASONS } from '../../src/policy/decision.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { readPod } from '../../src/policy/pod.ts';
import { DecisionRecordSchema, type RecordInput, toDecisionRecord } from '../../src/record/decision-record.ts';
import { readLogLine } from '../../src/record/read-log-line.ts';
import { EXAMPLE, hostileName, linesOf, onlyLine, parseLine, UNPRINTABLE } from './lines.ts';

const SCHEMA_FILE = new URL('../../docs/decision-record.schema.json', import.meta.url);

const { policy, digest } = parsePolicyDocument(DEFAULT_POLICY_TEXT, { file: 'policy', namespace: 'gvisor-injector' });

const CANARY = 'CANARY';

function schemaText(): string {
  return `${JSON.stringify(toJsonSchema(DecisionRecordSchema), undefined, 2)}\n`;
}

const ajv = new Ajv({
  allErrors: true,
  formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
});
const validate = ajv.compile(JSON.parse(schemaText()));

function faultsOf(value: unknown): string {
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

const optionalName = fc.option(hostileName, { nil: undefined });

const subject = fc.record({
  requestUid: hostileName,
  namespace: hostileName,
  name: optionalName,
  generateName: optionalName,
  ownerKind: optionalName,
  ownerName: optionalName,
  requester: hostileName,
  clientCertificate: fc.constantFrom('none', 'unverified', 'verified'),
  dryRun: fc.boolean(),
});

/** A value of the Pod that must never be seen again. */
const secret = hostileName.map(name => `${CANARY}${name}${CANARY}`);

const pod = fc.record({
  sandbox: fc.constantFrom(undefined, 'gvisor', 'gvisor', 'none', 'gvisr', ''),
  secretValue: secret,
  flag: fc.constantFrom(true, false, false),
  hostNetwork: fc.boolean(),
  devices: fc.constantFrom(0, 0, 0, 1, 60),
  runtimeClassName: fc.constantFrom(undefined, 'gvisor', `${CANARY}-class`),
});

type PodShape = typeof pod extends fc.Arbitrary<infer Shape> ? Shape : never;

function toPod({ sandbox, secretValue, flag, hostNetwork, devices, runtimeClassName }: PodShape) {
  const { pod: read, fault } = readPod({
    metadata: {
      name: secretValue,
      labels: { canary: secretValue, [secretValue]: 'x' },
      annotations: {
        canary: secretValue,
        [secretValue]: 'x',
        ...(sandbox === undefined ? {} : { sandbox }),
        ...(flag ? { [`dev.gvisor.${CANARY}`]: secretValue } : {}),
      },
    },
    spec: {
      runtimeClassName,
      hostNetwork,
      nodeName: secretValue,
      nodeSelector: { canary: secretValue },
      tolerations: [{ key: secretValue, value: secretValue }],
      serviceAccountName: secretValue,
      volumes: [{ name: secretValue, secret: { secretName: secretValue } }],
      containers: [
        {
          name: secretValue,
          image: secretValue,
          command: [secretValue],
          args: [secretValue],
          env: [{ name: secretValue, value: secretValue }],
          volumeDevices: Array.from({ length: devices }, () => ({ name: secretValue, devicePath: secretValue })),
        },
      ],
    },
  });
  if (read === undefined) throw new Error(fault);
  return read;
}

const recordInput = fc.record({
  subject,
  target: fc.constantFrom(...admissionTargets(policy.profiles)),
  namespace: fc.constantFrom('shop', 'shop', 'shop', 'kube-system'),
  pod,
  durationMilliseconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
});

function toInput({ pod: shape, namespace, ...rest }: typeof recordInput extends fc.Arbitrary<infer I> ? I : never) {
  const decision = decide({ policy, target: rest.target, namespace, pod: toPod(shape) });
  return { ...rest, decision, policyDigest: digest } satisfies RecordInput;
}

t.test('docs/decision-record.schema.json is the schema of the code; UPDATE_FIXTURES=1 writes it', t => {
  if (process.env['UPDATE_FIXTURES'] === '1') writeFileSync(SCHEMA_FILE, schemaText());
  t.equal(readFileSync(SCHEMA_FILE, 'utf8'), schemaText());
  t.end();
});

t.test('a record has exactly these fields, in this order', t => {
  const { time, ...fields } = parseLine(onlyLine(linesOf(log => log.decision(toDecisionRecord(EXAMPLE)))));
  t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const expected = {
    level: 'info',
    recordVersion: 1,
    requestUid: '705ab4f5-6393-11e8-b7cc-42010a800002',
    trigger: 'enforce',
    mode: 'enforce',
    namespace: 'shop',
    generateName: 'web-6d4f9c7b5-',
    ownerKind: 'ReplicaSet',
    ownerName: 'web-6d4f9c7b5',
    requester: 'system:serviceaccount:kube-system:replicaset-controller',
    clientCertificate: 'verified',
    dryRun: false,
    profile: 'gvisor',
    outcome: 'patched',
    reason: 'Sandboxed',
    findings: [{ code: 'HostPID', path: 'spec.hostPID' }],
    patchOperations: 1,
    durationMilliseconds: 0.123,
    policyDigest: '1f0c9a7e55d2b846',
    message: 'admission decision',
  };
  t.equal(JSON.stringify(fields), JSON.stringify(expected));
  t.end();
});

t.test('a record of the audit trigger says audit mode and what would have been done', t => {
  const record = toDecisionRecord({ ...EXAMPLE, target: { trigger: 'audit', profile: 'gvisor' } });
  t.match(record, {
    trigger: 'audit',
    mode: 'audit',
    outcome: 'patched',
    patchOperations: EXAMPLE.decision.patch.length,
  });
  t.end();
});

t.test('a record names fifty findings at most and counts the rest', t => {
  const finding = { code: 'RawBlockVolume', severity: 'error', path: 'spec.x', message: 'a finding' } as const;
  const findings = Array.from({ length: 53 }, () => finding);
  const record = toDecisionRecord({ ...EXAMPLE, decision: { ...EXAMPLE.decision, findings } });
  t.equal(record.findings.length, 50);
  t.equal(record.findingsOmitted, 3);
  t.equal('findingsOmitted' in toDecisionRecord(EXAMPLE), false, 'absent when all are named');
  t.end();
});

t.test(
  'every decision of any Pod is one printable line that the JSON Schema accepts and that tells nothing of the Pod',
  t => {
    const reasons = new Set<string>();
    const triggers = new Set<string>();
    fc.assert(
      fc.property(recordInput.map(toInput), input => {
        reasons.add(input.decision.reason);
        triggers.add(input.target.trigger);
        const line = onlyLine(linesOf(log => log.decision(toDecisionRecord(input))));
        t.ok(line.endsWith('}\n') && !UNPRINTABLE.test(line.slice(0, -1)), `not one printable line: ${line}`);
        t.notOk(line.includes(CANARY), `a value of the Pod is in ${line}`);
        t.equal(faultsOf(parseLine(line)), '', line);
        t.equal(readLogLine(line).kind, 'decision', 'audit reads what the webhook writes');
      }),
      { numRuns: 500 },
    );
    t.same([...triggers].toSorted(), TRIGGERS.toSorted(), 'every trigger was tried');
    const untried = REASONS.filter(reason => !reasons.has(reason));
    // A mirror Pod needs a node as requester; the others need a policy with two profiles or a cluster's selectors.
    t.same(untried, ['MirrorPod', 'ProfileForbidden', 'NodeSelectorConflict', 'AlreadySandboxed']);
    t.end();
  },
);

t.test('the JSON Schema refuses a record with another field, and one without a needed field', t => {
  const record = parseLine(onlyLine(linesOf(log => log.decision(toDecisionRecord(EXAMPLE)))));
  t.equal(faultsOf(record), '');
  t.match(faultsOf({ ...record, environment: [] }), /must NOT have additional properties/);
  t.match(faultsOf({ ...record, reason: undefined }), /reason/);
  for (const key of Object.keys(record)) {
    const { [key]: removed, ...rest } = record;
    const isOptional = ['generateName', 'ownerKind', 'ownerName', 'profile'].includes(key);
    t.equal(faultsOf(rest) === '', isOptional, `without ${key} (${JSON.stringify(removed)})`);
  }
  t.end();
});
