import { isDeepStrictEqual } from 'node:util';
import t, { type Test } from 'tap';
import { parse as parseYaml } from 'yaml';
import { applyPatch } from '../../src/documents/apply-patch.ts';
import { injectText } from '../../src/documents/inject-text.ts';
import { decide } from '../../src/policy/decide.ts';
import { readPod } from '../../src/policy/pod.ts';
import { admissionPath } from '../../src/policy/admission-path.ts';
import { decideFixture, decisionFixtures, fixturePolicies, toPlain } from '../support/decision-fixtures.ts';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { patchOf, responseOf } from '../support/answers.ts';
import { parseObject, startTestWebhook } from '../support/webhook.ts';

const fixtures = decisionFixtures();

t.test('every Pod of the table gets the same decision over HTTPS', async t => {
  for (const [policyName, { text }] of fixturePolicies()) {
    await using webhook = await startTestWebhook({ policyText: text });
    for (const fixture of fixtures.filter(candidate => candidate.policyName === policyName)) {
      const { target, namespace, requester, pod } = fixture;
      const review = exampleReview(pod, { namespace, ...requester });
      const answer = await webhook.post(`${admissionPath(target)}?timeout=5s`, JSON.stringify(review));
      t.equal(answer.status, 200, fixture.name);
      compareAnswer(t, fixture, parseObject(answer.text));
      const record = webhook.lines().at(-1);
      const decision = decideFixture(fixture);
      t.match(
        record,
        { reason: decision.reason, outcome: decision.outcome, trigger: target.trigger },
        `${fixture.name}: record`,
      );
    }
  }
});

t.test('every Pod of the table gets the same decision from inject, and the same Pod comes out of it', t => {
  for (const fixture of fixtures) {
    const { file, text, policy, target, namespace, requester } = fixture;
    const { output, results } = injectText(text, {
      file,
      ask: pod => decide({ policy, target, namespace, pod, ...(requester === undefined ? {} : { requester }) }),
    });
    const decision = decideFixture(fixture);
    t.strictSame(
      results.map(result => toPlain(result.decision)),
      [toPlain(decision)],
      fixture.name,
    );
    // Not tap's comparison, which takes an own key `__proto__` for the prototype.
    t.ok(isDeepStrictEqual(parseYaml(output), applyPatch(fixture.pod, decision.patch)), `${fixture.name}: the Pod`);
  }
  t.end();
});

t.test('a Pod of a megabyte gets the same decision and the same Pod in all three ways', async t => {
  const real = fixtures.find(({ name }) => name === 'replicaset-pod-as-sent');
  if (real === undefined) throw new Error('the fixture is missing');
  const { pod: object, policy, target, namespace, text } = real;
  const large = enlarge(object);
  const { pod } = readPod(large);
  if (pod === undefined) throw new Error('the large Pod is no Pod');
  const decision = decide({ policy, target, namespace, pod });
  const json = JSON.stringify(large);
  t.ok(json.length > 1_000_000, `${json.length} bytes`);
  t.ok(text.length < 20_000);
  const patched = applyPatch(large, decision.patch);
  const injected = injectText(json, {
    file: 'large.json',
    ask: asked => decide({ policy, target, namespace, pod: asked }),
  });
  t.strictSame(JSON.parse(injected.output), patched, 'inject');
  await using webhook = await startTestWebhook();
  const answer = await webhook.post(admissionPath(target), JSON.stringify(exampleReview(large, { namespace })));
  const patch = patchOf(responseOf(answer.text));
  t.strictSame(patch, JSON.parse(JSON.stringify(decision.patch)), 'HTTPS');
});

/** The Pod with enough environment variables to make it a megabyte. */
function enlarge(object: unknown): Record<string, unknown> {
  const pod = parseObject(JSON.stringify(object));
  const spec = parseObject(JSON.stringify(pod['spec']));
  const env = Array.from({ length: 10_000 }, (_, index) => ({ name: `VARIABLE_${index}`, value: 'x'.repeat(80) }));
  return { ...pod, spec: { ...spec, initContainers: [{ name: 'large', image: 'tools', env }] } };
}

function compareAnswer(t: Test, fixture: (typeof fixtures)[number], answer: Record<string, unknown>): void {
  const decision = decideFixture(fixture);
  const response = parseObject(JSON.stringify(answer['response']));
  const isAudit = fixture.target.trigger === 'audit';
  t.equal(response['allowed'], isAudit || decision.outcome !== 'denied', `${fixture.name}: allowed`);
  t.match(response['auditAnnotations'], { trigger: fixture.target.trigger, outcome: decision.outcome }, fixture.name);
  if (isAudit) {
    t.strictSame(
      Object.keys(response).toSorted(),
      ['allowed', 'auditAnnotations', 'uid'],
      `${fixture.name}: changes nothing`,
    );
    return;
  }
  t.strictSame(response['warnings'] ?? [], decision.warnings, `${fixture.name}: warnings`);
  if (decision.outcome === 'denied') {
    t.match(
      response['status'],
      { code: 403, reason: 'Forbidden', message: `${decision.reason}: ${decision.message}` },
      fixture.name,
    );
  }
  const patch = patchOf(response);
  t.strictSame(patch, JSON.parse(JSON.stringify(decision.patch)), `${fixture.name}: patch`);
  t.equal(
    response['patchType'] === 'JSONPatch',
    decision.outcome === 'patched',
    `${fixture.name}: patch and type go together`,
  );
  t.doesNotThrow(() => applyPatch(fixture.pod, decision.patch), `${fixture.name}: the patch applies`);
}
