import t from 'tap';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { podOf } from '../support/pod.ts';
import { createBackstop, type Failure, type Request } from './backstop-evaluator.ts';

const policy = fixturePolicies().get('two-profiles')?.policy;
if (policy === undefined) throw new Error('the fixture policy two-profiles is missing');
const backstop = createBackstop(policy);

const LABELLED = { name: 'shop', labels: { sandbox: 'gvisor' } };
const SANDBOXED = { runtimeClassName: 'gvisor', nodeSelector: { 'gvisor-injector/runsc': 'ready' } };
const UNLABELLED = { name: 'shop', labels: {} };

function failuresOf(request: Partial<Request>): readonly Failure[] {
  return backstop({ resource: 'pods', operation: 'CREATE', object: podOf(), namespace: LABELLED, ...request }).failures;
}

/** What is said of a request, by policies that are bound. */
function messagesOf(request: Partial<Request>): readonly string[] {
  return failuresOf(request).flatMap(({ action, message }) => (action === 'Unbound' ? [] : [message]));
}

/** A write of a namespace, without one before it a creation. */
function namespaceRequest(
  object: Record<string, unknown>,
  before?: Record<string, unknown>,
  resource = 'namespaces',
): Partial<Request> {
  return before === undefined ? { resource, object } : { resource, operation: 'UPDATE', object, oldObject: before };
}

function namespaceOf(labels: Record<string, string>, metadata: Record<string, unknown> = {}): Record<string, unknown> {
  return { metadata: { name: 'shop', labels, ...metadata } };
}

function told(...request: Parameters<typeof namespaceRequest>): readonly string[] {
  return messagesOf(namespaceRequest(...request));
}

/** What the policy on protected labels says; it is not bound. */
function protests(change: {
  readonly before?: Record<string, string>;
  readonly after: Record<string, string>;
  readonly mayRelease?: boolean;
}): readonly string[] {
  const before = change.before === undefined ? undefined : namespaceOf(change.before);
  const request = namespaceRequest(namespaceOf(change.after), before);
  const failures = failuresOf({ ...request, mayRelease: change.mayRelease ?? false });
  return failures.filter(({ action }) => action === 'Unbound').map(({ message }) => message);
}

function flagged(annotations: Record<string, string>, runtimeClassName?: string): Record<string, unknown> {
  return podOf(runtimeClassName === undefined ? {} : { runtimeClassName }, { annotations });
}

/** How many denials the creation of a Pod gets in an unlabelled namespace. */
function denials(object: Record<string, unknown>): number {
  return messagesOf({ object, namespace: UNLABELLED }).length;
}

/** The same for a change of a Pod. */
function updateDenials(oldObject: Record<string, unknown>, object: Record<string, unknown>, resource: string): number {
  return messagesOf({ resource, operation: 'UPDATE', oldObject, object, namespace: UNLABELLED }).length;
}

t.test('a denial names field, found, expected and what to do', t => {
  const unready = { 'gvisor-injector/runsc': 'other' };
  for (const [request, message] of [
    [
      {},
      'NotInjected: this Pod lacks spec.runtimeClassName "gvisor", spec.nodeSelector["gvisor-injector/runsc"] "ready", ' +
        'which profile "gvisor" needs: gvisor-injector did not inject it, or something took it out again; see whether ' +
        'the webhook runs (kubectl get pods --namespace gvisor-injector) and create the Pod again, or write these fields into it',
    ],
    [
      { object: podOf({ runtimeClassName: 'kata' }) },
      'RuntimeClassConflict: spec.runtimeClassName is "kata", but profile "gvisor" is asked for and needs "gvisor"; ' +
        'remove the field, it is set by itself, or let annotation sandbox name another profile',
    ],
    [
      { object: podOf({ runtimeClassName: 'gvisor', nodeSelector: unready }) },
      'NodeSelectorConflict: spec.nodeSelector["gvisor-injector/runsc"] is "other", but profile "gvisor" needs "ready"; ' +
        'remove it from the Pod, it is added by itself',
    ],
    [
      {
        object: podOf({ runtimeClassName: 'gvisor' }, { annotations: { sandbox: 'gvisor' } }),
        namespace: { name: 'shop', labels: { sandbox: 'strict' } },
      },
      'ProfileForbidden: profile "gvisor" is not permitted in a namespace labelled sandbox=strict; use strict, or ask an ' +
        "administrator to list it under alternatives of the label's profile",
    ],
    [
      { object: podOf({}, { annotations: { sandbox: 'none' } }) },
      'OptOutForbidden: annotation sandbox=none: this namespace does not let Pods opt out; remove the annotation, or ' +
        'ask the owner of the namespace to label it sandbox-opt-out=allowed',
    ],
    [
      { object: podOf({}, { annotations: { sandbox: ' gvisor' } }) },
      'UnknownProfile: annotation sandbox=" gvisor" names no profile; the profiles are gvisor, strict',
    ],
    [
      { namespace: { name: 'shop', labels: { sandbox: 'gviser' } } },
      'UnknownProfile: the label sandbox="gviser" of this namespace names no profile; ask the owner of the namespace to ' +
        'set it to a profile (gvisor, strict) or to remove it',
    ],
    [
      { object: podOf({}, { annotations: { 'dev.gvisor.x': '1' } }), namespace: UNLABELLED },
      'RuntimeFlagForbidden: annotations that change gVisor itself are not allowed on a Pod without ' +
        'spec.runtimeClassName: dev.gvisor.x; remove them, or ask an administrator to add them to allowedAnnotations of its profile',
    ],
    [
      { resource: 'pods/binding', object: { metadata: { annotations: { 'dev.gvisor.x': '1' } } } },
      'RuntimeFlagForbidden: annotations of a Binding are copied into its Pod, and these change gVisor itself: ' +
        'dev.gvisor.x; remove them from the Binding',
    ],
  ] as const) {
    t.equal(messagesOf(request)[0], message);
  }
  t.end();
});

t.test('each policy writes what it found into the audit log, and the same for the same Pod', t => {
  for (const [object, labelled, annotated] of [
    [podOf(), 'NotInjected', undefined],
    [podOf(SANDBOXED), 'AlreadySandboxed', undefined],
    [podOf(SANDBOXED, { annotations: { sandbox: 'gvisor' } }), 'AlreadySandboxed', 'AlreadySandboxed'],
    [podOf({}, { annotations: { sandbox: 'none' } }), 'OptOutForbidden', undefined],
    [podOf({}, { annotations: { sandbox: '' } }), 'UnknownProfile', 'UnknownProfile'],
    [
      podOf({ runtimeClassName: 'kata' }, { annotations: { sandbox: 'strict' } }),
      'RuntimeClassConflict',
      'RuntimeClassConflict',
    ],
  ] as const) {
    const { audit } = backstop({ resource: 'pods', operation: 'CREATE', object, namespace: LABELLED });
    t.equal(audit['gvisor-injector-labelled/reason'], labelled);
    t.equal(audit['gvisor-injector-annotated/reason'], annotated);
    t.match(audit['gvisor-injector-labelled/profile'], /^(|gvisor|strict)$/);
  }
  const optOut = { name: 'shop', labels: { sandbox: 'gvisor', 'sandbox-opt-out': 'allowed' } };
  const object = podOf({}, { annotations: { sandbox: 'none' } });
  const { audit } = backstop({ resource: 'pods', operation: 'CREATE', object, namespace: optOut });
  t.equal(audit['gvisor-injector-labelled/reason'], 'OptedOut');
  t.end();
});

t.test('the list of forbidden keys is cut where it gets long', t => {
  const annotations = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`dev.gvisor.flag${index}`, '']));
  const [message = ''] = messagesOf({ object: podOf({}, { annotations }), namespace: UNLABELLED });
  t.match(message, / and more; remove them/);
  t.ok(message.length < 800);
  t.end();
});

t.test('more annotations than are searched are refused, unless nothing of them changes', t => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`a${index}`, '']));
  const more = { ...many, b: '' };
  t.equal(denials(flagged(many)), 0);
  t.match(messagesOf({ object: flagged(more), namespace: UNLABELLED }), [/^RuntimeFlagForbidden: more than 5000 /]);
  t.equal(denials(flagged({ ...more, 'dev.gvisor.x': '' })), 1, 'whatever is among them');
  t.equal(updateDenials(flagged(more), flagged(more), 'pods/status'), 0, 'a kubelet reports on');
  t.equal(updateDenials(flagged(more), flagged({ ...more, b: 'x' }), 'pods'), 1);
  t.match(messagesOf({ resource: 'bindings', object: { metadata: { annotations: more } } }), [
    /^RuntimeFlagForbidden: /,
  ]);
  t.end();
});

t.test('a runtime flag passes by the list of its class, or where it was there before', t => {
  const debug = { 'dev.gvisor.flag.debug': '1' };

  t.equal(denials(flagged(debug, 'gvisor')), 0, 'the profile of the class lists it');
  t.equal(denials(flagged({ 'dev.gvisor.spec.mount.a.type': 'tmpfs' }, 'gvisor')), 0, 'or a beginning of it');
  t.equal(denials(flagged({ 'dev.gvisor.spec.mount': 'tmpfs' }, 'gvisor')), 1, 'a shorter key is another one');
  t.equal(denials(flagged({ 'dev.gvisor.flag.debug.more': '1' }, 'gvisor')), 1, 'so is a longer one');
  for (const name of ['gvisor-strict', 'runc']) t.equal(denials(flagged(debug, name)), 1, 'another class does not');
  t.equal(denials(flagged(debug)), 0, 'without a class what any profile lists passes: it does nothing there');
  t.equal(denials(flagged({ 'dev.gvisor.x': '1' })), 1, 'and nothing else');
  const [bare, before, after] = [{}, debug, { 'dev.gvisor.flag.debug': '2' }].map(set => flagged(set, 'runc'));
  if (bare === undefined || before === undefined || after === undefined) throw new Error('there are three Pods');
  for (const resource of ['pods', 'pods/status']) {
    t.equal(updateDenials(bare, bare, resource), 0);
    t.equal(updateDenials(before, before, resource), 0, 'an unchanged key passes');
    t.equal(updateDenials(before, flagged({ ...debug, other: '1' }, 'runc'), resource), 0, 'beside changes of others');
    t.equal(updateDenials(before, bare, resource), 0, 'and may be removed');
    t.equal(updateDenials(before, after, resource), 1, 'another value is a change');
    t.equal(updateDenials(bare, before, resource), 1, 'as is a new key');
    t.equal(updateDenials(podOf(), before, resource), 1, 'where there were no annotations too');
  }
  for (const resource of ['pods/binding', 'bindings']) {
    t.equal(messagesOf({ resource, object: { metadata: { annotations: debug } } }).length, 1, 'a Binding brings none');
    t.equal(messagesOf({ resource, object: { metadata: { annotations: { other: '1' } } } }).length, 0);
    t.equal(messagesOf({ resource, object: { metadata: {} } }).length, 0);
  }
  t.end();
});

t.test('an unknown profile cannot become the label of a namespace, and one that is there holds up nothing', t => {
  for (const key of ['sandbox', 'sandbox-audit']) {
    const unknown = namespaceOf({ [key]: 'gviser' });
    const message = `UnknownProfile: label ${key}="gviser" names no profile; the profiles are gvisor, strict`;
    t.same(told(unknown), [message]);
    for (const resource of ['namespaces', 'namespaces/status', 'namespaces/finalize']) {
      t.same(told(unknown, namespaceOf({}), resource), [message], `${key} through ${resource}`);
      t.same(told(namespaceOf({ [key]: 'gviser', more: 'x' }), unknown, resource), [], 'unchanged it passes');
    }
    t.same(told(namespaceOf({}), unknown), [], 'and may be removed');
    t.same(told(namespaceOf({ [key]: 'strict' })), [], 'a known one may be set');
    t.same(told(unknown, namespaceOf({ [key]: 'other' })), [message], 'another unknown one is a change');
  }
  t.same(told({ metadata: { name: 'shop' } }), [], 'no labels at all');
  t.end();
});

t.test('what does nothing on a namespace or a Pod is said where it is set, and only then', t => {
  const exempt = namespaceOf({ sandbox: 'gvisor' }, { name: 'monitoring' });
  t.same(told(exempt), ['namespace "monitoring" is exempt: sandbox does nothing here']);
  t.same(told(exempt, exempt), []);
  t.same(told(namespaceOf({}, { name: 'monitoring' })), []);
  const annotated = namespaceOf({}, { annotations: { sandbox: 'gvisor', 'sandbox-audit': 'gvisor' } });
  t.same(told(annotated), ['annotation sandbox, sandbox-audit on a namespace does nothing: it must be a label']);
  t.same(told(annotated, annotated), []);
  const optOut = namespaceOf({ 'sandbox-opt-out': 'true' });
  t.same(told(optOut), ['label sandbox-opt-out="true" does nothing: only allowed lets Pods opt out']);
  t.same(told(namespaceOf({ 'sandbox-opt-out': 'allowed' })), []);
  const labelled = podOf({}, { labels: { sandbox: 'gvisor' } });
  const message = 'the label sandbox="gvisor" on a Pod does nothing: it must be an annotation';
  t.same(messagesOf({ object: labelled, namespace: UNLABELLED }), [message]);
  t.same(messagesOf({ object: podOf({}, { labels: { app: 'web' } }), namespace: UNLABELLED }), []);
  t.end();
});

t.test('protected labels change by who may release only', t => {
  const before = { sandbox: 'gvisor' };
  for (const after of [{}, { sandbox: 'strict' }, { ...before, 'sandbox-opt-out': 'allowed' }]) {
    t.match(protests({ before, after }), [/^LabelProtected: .*only who may release sandboxes.gvisor-injector/]);
    t.same(protests({ before, after, mayRelease: true }), []);
  }
  t.match(protests({ after: { 'sandbox-opt-out': 'allowed' } }), [/^LabelProtected/], 'not at creation either');
  t.same(protests({ after: before }), [], 'who creates a namespace may ask for a sandbox');
  t.same(protests({ before: {}, after: before }), [], 'and later too');
  t.same(protests({ before, after: { ...before, other: 'x' } }), []);
  t.same(protests({ before: { 'sandbox-opt-out': 'allowed' }, after: {} }), [], 'closing is free');
  t.end();
});
