import fc from 'fast-check';
import t from 'tap';
import { jsonLiteral } from '../../src/manifest/node-cel.ts';
import { evaluateAlone } from './backstop-evaluator.ts';
import { changed, denials, NODE, plain } from './node-judge.ts';

const SANDBOX = { key: 'sandbox', value: 'gvisor', effect: 'NoSchedule' } as const;
const STARTUP = {
  key: 'startup-taint.cluster-autoscaler.kubernetes.io/gvisor-injector',
  effect: 'NoSchedule',
} as const;
const READY = { type: 'Ready', status: 'True' } as const;
const OURS = { type: 'GVisorReady', status: 'True', reason: 'Proved', message: 'm' } as const;

const FORMER = plain({
  metadata: {
    name: NODE,
    uid: '1',
    resourceVersion: '1',
    labels: { 'gvisor-injector/install': 'true', 'gvisor-injector/former': 'ready', zone: 'a' },
    annotations: { a: 'b' },
  },
  spec: {
    podCIDR: '10.0.0.0/24',
    taints: [SANDBOX, STARTUP],
  },
  status: {
    capacity: { cpu: '4' },
    conditions: [READY, { ...OURS, status: 'False', reason: 'Proving' }],
  },
});

interface Deed {
  readonly path: readonly string[];
  readonly value: unknown;
  /** Fields that a message names; absent for what the agent may do. */
  readonly foreign?: string;
}

const label = (key: string, value: unknown, foreign?: string): Deed => ({
  path: ['metadata', 'labels', key],
  value,
  ...(foreign !== undefined && { foreign }),
});

/** Changes of a Node by `nodes`; each is of another field, so that any of them fit together. */
const DEEDS: readonly Deed[] = [
  label('gvisor-injector/runsc', 'ready'),
  label('gvisor-injector/runsc-strict', 'ready'),
  label('gvisor-injector/former', undefined),
  { path: ['spec', 'taints'], value: [SANDBOX] },
  { path: ['metadata', 'resourceVersion'], value: '2' },
  { path: ['metadata', 'managedFields'], value: [] },
  label('gvisor-injector/install', 'false', 'metadata.labels.gvisor-injector/install'),
  label('gvisor-injector/other', 'ready', 'metadata.labels.gvisor-injector/other'),
  label('zone', undefined, 'metadata.labels.zone'),
  label('role', '', 'metadata.labels.role'),
  { path: ['metadata', 'annotations', 'c'], value: 'd', foreign: 'metadata.annotations' },
  { path: ['metadata', 'finalizers'], value: ['x'], foreign: 'metadata.finalizers' },
  { path: ['spec', 'unschedulable'], value: true, foreign: 'spec.unschedulable' },
  { path: ['spec', 'podCIDR'], value: undefined, foreign: 'spec.podCIDR' },
  { path: ['spec', 'ofTheFuture'], value: 1, foreign: 'spec.ofTheFuture' },
];

t.test('whatever else a change of a Node has, it is refused exactly when it has what the agent may not', async () => {
  fc.assert(
    fc.property(fc.subarray([...DEEDS]), deeds => {
      const object = deeds.reduce((node, { path, value }) => changed(node, path, value), FORMER);
      const [message, ...others] = denials({ resource: 'nodes', operation: 'UPDATE', object, oldObject: FORMER });
      const foreign = deeds.flatMap(deed => deed.foreign ?? []);
      if (others.length > 0 || (message === undefined) !== (foreign.length === 0)) return false;
      const named = message?.split('this request changes ')[1]?.split(', ') ?? [];
      return JSON.stringify(named.toSorted()) === JSON.stringify(foreign.toSorted());
    }),
  );
});

/** What is refused of a change at one path of the Node. */
function refused(path: readonly string[], value: unknown, resource: 'nodes' | 'nodes/status' = 'nodes') {
  return denials({ resource, operation: 'UPDATE', object: changed(FORMER, path, value), oldObject: FORMER });
}

t.test('the label has one value, and by the status none is changed', async t => {
  const path = ['metadata', 'labels', 'gvisor-injector/runsc'];
  t.same(refused(path, 'ready'), []);
  for (const value of ['true', '', 'Ready'])
    t.match(refused(path, value), [/metadata\.labels\.gvisor-injector\/runsc/]);
  t.match(refused(path, 'ready', 'nodes/status'), [/metadata\.labels\.gvisor-injector\/runsc/]);
});

t.test('of the taints only ours is lifted, and none is added', async t => {
  const path = ['spec', 'taints'];
  t.same(refused(path, [SANDBOX, STARTUP]), []);
  t.same(refused(path, [SANDBOX]), []);
  for (const taints of [
    undefined,
    [],
    [STARTUP],
    [SANDBOX, STARTUP, { key: 'x', effect: 'NoExecute' }],
    [SANDBOX, { ...STARTUP, effect: 'NoExecute' }],
    [{ ...SANDBOX, effect: 'NoExecute' }, STARTUP],
  ]) {
    t.match(refused(path, taints), [/this request changes spec\.taints$/], JSON.stringify(taints));
  }
});

t.test('of the conditions only ours is written', async t => {
  const path = ['status', 'conditions'];
  t.same(refused(path, [READY, OURS], 'nodes/status'), []);
  t.same(refused(path, [READY], 'nodes/status'), []);
  for (const conditions of [
    [OURS],
    [{ ...READY, status: 'False' }, OURS],
    [READY, OURS, { type: 'Other', status: 'True' }],
  ]) {
    t.match(refused(path, conditions, 'nodes/status'), [/status\.conditions/], JSON.stringify(conditions));
  }
  t.match(refused(['status', 'capacity', 'cpu'], '64', 'nodes/status'), [/status\.capacity/]);
  t.match(refused(['status', 'ofTheFuture'], 1, 'nodes/status'), [/status\.ofTheFuture/]);
  t.match(refused(['metadata', 'annotations', 'a'], 'c', 'nodes/status'), [/metadata\.annotations/]);
});

t.test('any value of JSON is itself in CEL', async t => {
  const { json } = fc.letrec<{ json: unknown }>(tie => ({
    json: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.boolean(),
      fc.array(tie('json')),
      fc.dictionary(fc.string(), tie('json')),
    ),
  }));
  fc.assert(
    fc.property(json, value => {
      const back = JSON.stringify(evaluateAlone(jsonLiteral(value)), (_key, item: unknown) =>
        typeof item === 'bigint' ? Number(item) : item,
      );
      return back === JSON.stringify(value);
    }),
  );
  t.throws(() => jsonLiteral({ a: null }), TypeError);
});
