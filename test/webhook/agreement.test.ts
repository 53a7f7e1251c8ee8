import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { applyPatch } from '../../src/documents/apply-patch.ts';
import { injectText } from '../../src/documents/inject-text.ts';
import { admissionPath } from '../../src/policy/admission-path.ts';
import { decide } from '../../src/policy/decide.ts';
import { exampleReview } from '../../src/webhook/example-review.ts';
import { fixturePolicies } from '../support/decision-fixtures.ts';
import { anyPod, anyTarget } from '../support/generators.ts';
import { patchOf, responseOf } from '../support/answers.ts';
import { startTestWebhook } from '../support/webhook.ts';

const requester = { username: 'alice', groups: ['system:authenticated'] };

t.test('inject and HTTPS agree on every Pod: the same decision, and the same Pod comes out', async t => {
  const fixture = fixturePolicies().get('two-profiles');
  if (fixture === undefined) throw new Error('the fixture policy two-profiles is missing');
  const { policy, text: policyText } = fixture;
  await using webhook = await startTestWebhook({ policyText });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(anyPod, anyTarget, async (pod, target) => {
      const { output, results } = injectText(JSON.stringify(pod), {
        file: 'pod.json',
        ask: asked => decide({ policy, target, namespace: 'team-a', pod: asked, requester }),
      });
      const answer = await webhook.post(admissionPath(target), JSON.stringify(exampleReview(pod, requester)));
      const record = webhook.lines().at(-1);
      const [result] = results;
      if (result?.decision.reason !== record?.['reason'] || result?.decision.outcome !== record?.['outcome']) {
        throw new Error(`inject says ${result?.decision.reason}, the webhook ${String(record?.['reason'])}`);
      }
      if (target.trigger === 'audit') return;
      compared++;
      const overHttps = applyPatch(pod, patchOf(responseOf(answer.text)));
      if (!isDeepStrictEqual(JSON.parse(output), overHttps))
        throw new Error(`${output} is not ${JSON.stringify(overHttps)}`);
    }),
    { numRuns: 300 },
  );
  t.ok(compared > 100, `${compared} Pods compared`);
});
