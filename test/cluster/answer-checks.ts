import type { Test } from 'tap';
import { type ClusterUnderTest, createNamespace, createPod, sleepingPod } from './cluster-under-test.ts';
import { messageOf } from './records.ts';
import { startStubWebhook, STUB_TIMEOUT_SECONDS, type StubEntry, type StubWebhook } from './stub-webhook.ts';
import { waitUntil } from './wait-until.ts';

const NAMESPACE = 'answers';
const PROBE = 'probe';
const UNAVAILABLE = { status: 503, retryAfterSeconds: 1 } as const;
const ALLOWED = {} as const;
const WITHOUT_PARENT = { op: 'add', path: '/spec/nodeSelector/pool', value: 'sandboxes' } as const;
const FAILING_TEST = { op: 'test', path: '/metadata/name', value: 'another' } as const;

const ENTRIES = [
  { pod: PROBE, failurePolicy: 'Fail', answer: () => ALLOWED },
  { pod: 'unavailable-once', failurePolicy: 'Fail', answer: call => (call === 1 ? UNAVAILABLE : ALLOWED) },
  { pod: 'unavailable-silent', failurePolicy: 'Fail', answer: call => (call === 1 ? { status: 503 } : ALLOWED) },
  { pod: 'unavailable-always', failurePolicy: 'Fail', answer: () => UNAVAILABLE },
  { pod: 'patch-without-parent', failurePolicy: 'Ignore', answer: () => ({ patch: [WITHOUT_PARENT] }) },
  { pod: 'patch-with-test', failurePolicy: 'Ignore', answer: () => ({ patch: [FAILING_TEST] }) },
  { pod: 'error', failurePolicy: 'Ignore', answer: () => ({ status: 500 }) },
] as const satisfies readonly StubEntry[];

/** What the API server does with answers that the product never gives; a stub gives them. */
export async function checkAnswers(t: Test, cluster: ClusterUnderTest): Promise<void> {
  await createNamespace(cluster, NAMESPACE);
  await using stub = await startStubWebhook(cluster, NAMESPACE, ENTRIES);
  await waitUntil({
    what: 'the API server to ask the stub',
    seconds: 20,
    check: async () => {
      const { status, calls } = await ask(cluster, stub, PROBE);
      return status === 201 && calls > 0 ? 'asked' : undefined;
    },
  });
  await checkRetries(t, cluster, stub);
  await checkPatches(t, cluster, stub);
}

/** A POST that failed is sent again only if the answer says when, and only within the entry's timeout. */
async function checkRetries(t: Test, cluster: ClusterUnderTest, stub: StubWebhook): Promise<void> {
  const once = await ask(cluster, stub, 'unavailable-once');
  t.match(once, { status: 201, calls: 2 }, 'a 503 with Retry-After is asked again, and the second answer counts');
  const silent = await ask(cluster, stub, 'unavailable-silent');
  t.match(silent, { status: 500, calls: 1 }, 'a 503 without Retry-After is final');
  const always = await ask(cluster, stub, 'unavailable-always');
  t.match(always, { status: 500, message: 'context deadline exceeded' }, 'no try comes after the timeout of the entry');
  t.ok(always.calls > 1, 'until then there are several');
  cluster.note(
    'A webhook that answers 503 while it drains (B5)?',
    `with Retry-After: 1 it is asked again: ${describe(once)}. Without it, the answer is final: ${describe(silent)}. If every answer is such a 503, it is asked until the timeout of ${STUB_TIMEOUT_SECONDS} s: ${describe(always)}`,
  );
}

async function checkPatches(t: Test, cluster: ClusterUnderTest, stub: StubWebhook): Promise<void> {
  const withoutParent = await ask(cluster, stub, 'patch-without-parent');
  t.match(withoutParent, { status: 500, calls: 1 }, 'a patch without its parent rejects the Pod even under Ignore');
  const withTest = await ask(cluster, stub, 'patch-with-test');
  t.match(withTest, { status: 500, calls: 1 }, 'so does one whose test fails');
  const error = await ask(cluster, stub, 'error');
  t.match(error, { status: 201, calls: 1 }, 'while a webhook that fails is ignored');
  cluster.note(
    'A patch that does not apply, failurePolicy Ignore (B17)?',
    `the Pod is rejected: without a parent ${describe(withoutParent)}; with a test that fails ${describe(withTest)}. A webhook that answers 500 is ignored: ${describe(error)}`,
  );
}

/** What the API server made of the stub's answers for one Pod. */
interface Outcome {
  readonly status: number;
  readonly message: string;
  readonly milliseconds: number;
  readonly calls: number;
}

async function ask(cluster: ClusterUnderTest, stub: StubWebhook, pod: string): Promise<Outcome> {
  const begun = Date.now();
  const { status, body } = await createPod(cluster, NAMESPACE, sleepingPod(pod), { dryRun: true });
  return { status, message: messageOf(body), milliseconds: Date.now() - begun, calls: stub.callsOf(pod) };
}

function describe({ status, message, milliseconds, calls }: Outcome): string {
  const said = status === 201 ? '' : ` (${message})`;
  return `${calls} ${calls === 1 ? 'call' : 'calls'}, ${status}${said} after ${(milliseconds / 1000).toFixed(1)} s`;
}
