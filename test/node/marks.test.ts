import fc from 'fast-check';
import t from 'tap';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { readNodeView, type NodeView } from '../../src/node/marks/node-view.ts';
import { planMarks, type WantedMarks } from '../../src/node/marks/plan-marks.ts';
import {
  demandProof,
  forget,
  giveBack,
  labelWish,
  lift,
  proved,
  seeLabel,
  type Standing,
} from '../../src/node/marks/standing.ts';
import { INSTALL_LABEL, NODE_CONDITION, STARTUP_TAINT } from '../../src/policy/keys.ts';
import { VERDICTS } from './agent-world.ts';

const DATE = new Date('2026-11-25T03:04:05.678Z');
const OTHER_TAINT = { key: 'dedicated', value: 'x', effect: 'NoSchedule' };
const TAINT = { key: STARTUP_TAINT, effect: 'NoSchedule' };

const node: NodeView = {
  name: 'node-1',
  uid: 'uid-1',
  resourceVersion: '5',
  wish: 'install',
  labelled: [],
  condition: undefined,
  taints: [],
  machine: '',
};

function wanted(changes: Partial<WantedMarks> = {}): WantedMarks {
  return { condition: undefined, labels: {}, liftTaint: false, ...changes };
}

const proven = { status: 'True', reason: 'Proved', message: 'it runs', event: 'Normal' } as const;

function objectOf(content: KubeObject['content']): KubeObject {
  return { name: 'node-1', uid: 'uid-1', namespace: undefined, resourceVersion: '5', content };
}

t.test('a Node is read for the little that counts, whatever else it has', t => {
  const view = readNodeView(
    objectOf({
      metadata: {
        labels: {
          [INSTALL_LABEL]: 'true',
          'gvisor-injector/runsc': 'ready',
          'gvisor-injector/kvm': 'no',
          'kubernetes.io/os': 'linux',
        },
      },
      spec: { taints: [TAINT] },
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: NODE_CONDITION, status: 'False', reason: 'Busy', message: 'm' },
        ],
        nodeInfo: { bootID: 'b', kernelVersion: '6.1', kubeletVersion: 'v1.37.2' },
      },
    }),
  );
  t.match(view, { wish: 'install', labelled: ['runsc'], condition: { status: 'False', reason: 'Busy', message: 'm' } });
  t.strictSame(view?.taints, [TAINT]);
  t.equal(view?.machine, 'b 6.1   ', 'the version of the kubelet is no reason to look again');
  t.match(readNodeView(objectOf({ metadata: { labels: { [INSTALL_LABEL]: 'false' } } })), { wish: 'remove' });
  t.match(readNodeView(objectOf({ metadata: { labels: { [INSTALL_LABEL]: 'ready' } } })), {
    wish: 'none',
    labelled: [],
  });
  t.match(readNodeView(objectOf({ metadata: {} }), 'install'), { wish: 'install' }, 'as the agent was told');
  t.match(readNodeView(objectOf({ metadata: {} })), { wish: 'none', labelled: [], taints: [], condition: undefined });
  t.equal(readNodeView(objectOf({ metadata: { labels: [] }, status: { conditions: 'x' } })), undefined);
  t.end();
});

t.test('a condition is written by a strategic patch, and its transition only when the status changes', t => {
  const first = planMarks(node, wanted({ condition: proven }), DATE);
  const times = { lastHeartbeatTime: '2026-11-25T03:04:05Z', lastTransitionTime: '2026-11-25T03:04:05Z' };
  const { event: _event, ...condition } = proven;
  t.strictSame(first.status, {
    kind: 'strategic',
    content: { status: { conditions: [{ type: NODE_CONDITION, ...condition, ...times }] } },
  });
  t.match(first.event, {
    metadata: { name: /^node-1\.gvisor-[0-9a-f]+$/, namespace: 'default' },
    eventTime: '2026-11-25T03:04:05.678000Z',
    type: 'Normal',
    reason: 'Proved',
    note: 'it runs',
    regarding: { kind: 'Node', name: 'node-1', uid: 'uid-1' },
  });
  const same = { ...node, condition: { status: 'True', reason: 'Proved', message: 'it runs' } };
  t.strictSame(planMarks(same, wanted({ condition: proven }), DATE), {
    status: undefined,
    metadata: undefined,
    event: undefined,
  });
  const sentence = planMarks(
    { ...same, condition: { ...same.condition, message: 'it ran' } },
    wanted({ condition: proven }),
    DATE,
  );
  t.notOk(JSON.stringify(sentence.status).includes('lastTransitionTime'));
  t.equal(sentence.event, undefined, 'another sentence for the same reason is no news');
  const reason = planMarks(
    { ...same, condition: { ...same.condition, reason: 'Contested' } },
    wanted({ condition: proven }),
    DATE,
  );
  t.notOk(JSON.stringify(reason.status).includes('lastTransitionTime'));
  t.match(reason.event, { reason: 'Proved' });
  const passing = planMarks(node, wanted({ condition: { ...proven, event: 'none' } }), DATE);
  t.equal(passing.event, undefined);
  t.end();
});

t.test('what a node says is printable and short, and once it is written it is written', t => {
  const condition = { ...proven, message: `\u001b[31m${'x'.repeat(3000)}` };
  const plan = planMarks(node, wanted({ condition }), DATE);
  const text = JSON.stringify(plan.status);
  t.ok(text.length < 1400);
  t.match(text, /\\\\u\{1b\}\[31mx/);
  const [, quoted = ''] = /"message":("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
  const written = { ...node, condition: { status: 'True', reason: 'Proved', message: String(JSON.parse(quoted)) } };
  t.equal(planMarks(written, wanted({ condition }), DATE).status, undefined);
  const longName = { ...node, name: `${'a'.repeat(219)}.${'b'.repeat(33)}` };
  t.ok((planMarks(longName, wanted({ condition }), DATE).event?.metadata.name.length ?? 999) <= 253);
  t.match(planMarks(longName, wanted({ condition }), DATE).event?.metadata.name, /^a+\.gvisor-[0-9a-f]+$/);
  t.end();
});

t.test('labels are merged, and go together with the taint only if that is still there', t => {
  const plan = planMarks(
    { ...node, labelled: ['old'] },
    wanted({ labels: { runsc: 'present', old: 'absent', other: 'leave', gone: 'absent' } }),
    DATE,
  );
  t.strictSame(plan.metadata, {
    kind: 'merge',
    content: { metadata: { labels: { 'gvisor-injector/runsc': 'ready', 'gvisor-injector/old': null } } },
  });
  const tainted = { ...node, labelled: ['old'], taints: [OTHER_TAINT, TAINT] };
  t.strictSame(
    planMarks(tainted, wanted({ labels: { runsc: 'present', old: 'absent' }, liftTaint: true }), DATE).metadata,
    {
      kind: 'json',
      operations: [
        { op: 'add', path: '/metadata/labels/gvisor-injector~1runsc', value: 'ready' },
        { op: 'remove', path: '/metadata/labels/gvisor-injector~1old' },
        { op: 'test', path: '/spec/taints/1', value: TAINT },
        { op: 'remove', path: '/spec/taints/1' },
      ],
    },
  );
  t.equal(planMarks({ ...node, taints: [OTHER_TAINT] }, wanted({ liftTaint: true }), DATE).metadata, undefined);
  t.equal(
    planMarks(node, wanted({ labels: { install: 'present' } }), DATE).metadata,
    undefined,
    "the admin's label is never ours",
  );
  t.end();
});

const verdict = fc.constantFrom(...Object.values(VERDICTS));
type Change = (standing: Standing) => Standing;
const change: fc.Arbitrary<{ readonly name: string; readonly change: Change }> = fc.oneof(
  verdict.map(found => ({ name: found.result, change: (standing: Standing) => proved(standing, found) })),
  fc.boolean().map(isLabelled => ({
    name: isLabelled ? 'seen' : 'unseen',
    change: (standing: Standing) => seeLabel(standing, isLabelled),
  })),
  fc.constantFrom(
    { name: 'demand', change: demandProof },
    { name: 'lift', change: lift },
    { name: 'giveBack', change: giveBack },
    { name: 'forget', change: forget },
  ),
);

t.test('whatever happens to a handler, its label follows its proofs', t => {
  const property = fc.property(
    fc.boolean(),
    fc.array(change, { maxLength: 30, size: 'max' }),
    (isLabelled, changes) => {
      let standing = seeLabel(undefined, isLabelled);
      let failures = 0;
      for (const { name, change } of changes) {
        const before = standing;
        standing = change(standing);
        if (name === 'passed') failures = 0;
        if (name === 'failed') failures += 1;
        const [was, is] = [labelWish(before), labelWish(standing)];
        if (name === 'inconclusive') t.equal(is, was, 'an inconclusive proof changes nothing');
        if (is === 'present' && was !== 'present')
          t.ok(name === 'passed' || (name === 'giveBack' && before.label === 'lifted'));
        if (is === 'absent' && was !== 'absent') t.ok(name === 'lift' || (name === 'failed' && failures >= 2), name);
        if (name === 'unseen' && was === 'present' && before.label === 'held')
          t.equal(is, 'leave', 'what somebody took is not put back');
        if (name === 'failed' || name === 'inconclusive' || name === 'demand') t.equal(standing.isDue, true);
        t.equal(standing.failures, failures);
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
  t.end();
});
