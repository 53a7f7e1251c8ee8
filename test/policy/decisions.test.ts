import t from 'tap';
import { type Target, TRIGGERS } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import { type Decision, REASONS } from '../../src/policy/decision.ts';
import { readPod } from '../../src/policy/pod.ts';
import {
  decideFixture,
  decisionFixtures,
  fixturePolicies,
  toPlain,
  unusedExpectedFiles,
  updateFixture,
} from '../support/decision-fixtures.ts';
import { podOf } from '../support/pod.ts';

/** Rows that a trigger cannot reach, each with the reason. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  'NotRequested enforce': 'the label asks',
  'NotRequested audit': 'the label asks',
  'OptedOut audit': 'the audit entry has no opt-out path',
  'OptedOut pod': 'without a label, none is NotRequested',
  'OptOutForbidden pod': 'without a label, none is NotRequested',
  'ProfileForbidden pod': 'without a label there is no floor',
};

const fixtures = decisionFixtures();
const policies = fixturePolicies();

function ask(policyName: string, object: Record<string, unknown>, target: Target): Decision {
  const policy = policies.get(policyName)?.policy;
  const { pod } = readPod(object);
  if (policy === undefined || pod === undefined) throw new Error('there is no such policy or Pod');
  return decide({ policy, target, namespace: 'team-a', pod });
}

/** A Pod with a number of mounts that gVisor rejects. */
function podWithFindings(count: number): Record<string, unknown> {
  const volumeMounts = Array.from({ length: count }, (_, index) => ({
    name: 'work',
    mountPath: `/data/${index}`,
    mountPropagation: 'Bidirectional',
  }));
  return podOf({ containers: [{ name: 'web', image: 'nginx', volumeMounts }] });
}

t.test('every Pod of the table gets its decision from decide()', t => {
  for (const fixture of fixtures) {
    const decision = decideFixture(fixture);
    if (process.env['UPDATE_FIXTURES'] === '1') updateFixture(fixture, decision);
    else t.strictSame(toPlain(decision), fixture.expected, fixture.name);
  }
  t.strictSame(unusedExpectedFiles(), [], 'no expected file without a Pod');
  t.end();
});

t.test('every row of the table is met by every trigger that can reach it', t => {
  const met = new Set(fixtures.map(fixture => `${decideFixture(fixture).reason} ${fixture.target.trigger}`));
  for (const reason of REASONS) {
    for (const trigger of TRIGGERS) {
      const pair = `${reason} ${trigger}`;
      t.equal(met.has(pair), UNREACHABLE[pair] === undefined, `${pair} ${UNREACHABLE[pair] ?? ''}`);
    }
  }
  t.end();
});

t.test('many findings are counted: a message names ten, the warnings are twenty at most', t => {
  const target = { trigger: 'enforce', profile: 'gvisor', optOut: false } as const;
  for (const [count, shown, messageRest, warningRest] of [
    [10, 10, undefined, undefined],
    [11, 11, 'and 1 more', undefined],
    [20, 20, 'and 10 more', undefined],
    [21, 20, 'and 11 more', 'and 2 more findings, see check'],
    [50, 20, 'and 40 more', 'and 31 more findings, see check'],
  ] as const) {
    const { message, findings, warnings } = ask('warn', podWithFindings(count), target);
    t.equal(findings.length, count, `${count} findings`);
    t.equal(message.match(/mountPropagation/g)?.length, 10, `${count} findings: named in the message`);
    t.equal(/and \d+ more/.exec(message)?.[0], messageRest, `${count} findings: the rest of the message`);
    t.equal(warnings.length, shown, `${count} findings: warnings`);
    t.equal(
      warnings.find(warning => !warning.includes('mountPropagation')),
      warningRest,
      `${count} findings: the last warning`,
    );
  }
  t.end();
});

t.test('entries of container and mount lists that are no objects are passed over', t => {
  const mount = { name: 'work', mountPath: '/work', mountPropagation: 'Bidirectional' };
  const pod = podOf({ initContainers: 'none', containers: [null, 'web', { volumeMounts: [null, 'work', mount] }] });
  const { findings } = ask('default', pod, { trigger: 'enforce', profile: 'gvisor', optOut: false });
  t.strictSame(
    findings.map(({ path }) => path),
    ['spec.containers[2].volumeMounts[2].mountPropagation'],
  );
  t.end();
});

t.test('a target of a profile that the policy does not have is refused, whatever the Pod asks for', t => {
  const target = { trigger: 'audit', profile: 'gone' } as const;
  for (const pod of [podOf(), podOf({}, { annotations: { sandbox: 'gvisor' } }), podOf({ runtimeClassName: 'gvisor' })])
    t.throws(() => ask('default', pod, target), { name: 'RangeError', message: /'gone'/ });
  t.end();
});
