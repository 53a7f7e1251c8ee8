import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { parseAllDocuments } from 'yaml';
import { applyPatch } from '../../src/documents/apply-patch.ts';
import { type Ask, injectManifests, injectText } from '../../src/documents/inject-text.ts';
import { insertPatch } from '../../src/documents/insert-patch.ts';
import { joinTexts } from '../../src/documents/join-texts.ts';
import { parsePolicyDocument } from '../../src/documents/policy-document.ts';
import { readManifests } from '../../src/documents/read-manifests.ts';
import { applySplices } from '../../src/documents/splice.ts';
import { decide } from '../../src/policy/decide.ts';
import { DEFAULT_POLICY_TEXT } from '../../src/policy/default-policy.ts';
import { escapePointerToken } from '../../src/policy/patch.ts';
import { jsonText, yamlText } from './manifest-texts.ts';

const RICH_POLICY_TEXT = `apiVersion: gvisor-injector/v1alpha1
kind: SandboxPolicy
incompatible: warn
profiles:
  - name: gvisor
    nodeSelector: { gvisor-injector/runsc: ready, example.com/pool: "true", "no": "1e3" }
    tolerations:
      - { operator: Exists, effect: NoExecute, tolerationSeconds: 60 }
      - { key: "true", value: "", effect: NoSchedule }
      - { key: "012", operator: Exists }
`;

const policies = [DEFAULT_POLICY_TEXT, RICH_POLICY_TEXT].map(
  text => parsePolicyDocument(text, { file: 'policy', namespace: 'gvisor-injector' }).policy,
);
const asks = fc.constantFrom(
  ...policies.map(
    (policy): Ask =>
      (pod, { namespace }) =>
        decide({ policy, pod, namespace, target: { trigger: 'enforce', profile: 'gvisor', optOut: false } }),
  ),
);
const anyText = fc.oneof(jsonText, yamlText);

function valuesOf(text: string): readonly unknown[] {
  return parseAllDocuments(text, { version: '1.1', stringKeys: true, logLevel: 'error' }).map(document => {
    const value: unknown = document.toJS();
    return value;
  });
}

t.test('injectText() makes of every document what jsonpatch makes of it, and changes nothing the second time', t => {
  fc.assert(
    fc.property(anyText, asks, (text, ask) => {
      const { documents, pods } = readManifests(text, 'x');
      const { output, results } = injectText(text, { file: 'x', ask });
      const expected = documents.map(document =>
        applyPatch(
          document.value,
          pods.flatMap((pod, index) =>
            pod.document === document
              ? (results[index]?.decision.patch ?? []).map(operation => ({
                  ...operation,
                  path: pod.path.map(token => `/${escapePointerToken(String(token))}`).join('') + operation.path,
                }))
              : [],
          ),
        ),
      );
      assert.deepEqual(valuesOf(output), expected);
      assert.equal(injectText(output, { file: 'x', ask }).output, output);
    }),
    { numRuns: 150 },
  );
  t.pass();
  t.end();
});

t.test('injectText() only inserts, at most three times a Pod; a written-out null is all it ever replaces', t => {
  fc.assert(
    fc.property(anyText, asks, (text, ask) => {
      const manifests = readManifests(text, 'x');
      const { output, results } = injectManifests(manifests, ask);
      const splices = manifests.pods.flatMap(({ document, path }, index) => {
        const patch = results[index]?.decision.patch ?? [];
        const inserted = insertPatch({ text, document: document.tree, path }, patch) ?? [];
        assert.ok(inserted.length <= 3 + patch.length);
        return inserted;
      });
      for (const { start, end } of splices) assert.match(text.slice(start, end), /^(null|~)?$/);
      assert.equal(applySplices(text, splices), output);
    }),
    { numRuns: 100 },
  );
  t.pass();
  t.end();
});

t.test('injectText() gives JSON for JSON', t => {
  fc.assert(
    fc.property(jsonText, asks, (text, ask) => {
      const { output } = injectText(text, { file: 'x', ask });
      assert.deepEqual([JSON.parse(output)], valuesOf(output));
      assert.equal(output.includes('\n'), text.includes('\n'), 'compact stays compact');
    }),
    { numRuns: 60 },
  );
  t.pass();
  t.end();
});

t.test('joinTexts() keeps the documents of every input, in order', t => {
  fc.assert(
    fc.property(fc.array(anyText, { maxLength: 4 }), texts => {
      assert.deepEqual(valuesOf(joinTexts(texts)), texts.flatMap(valuesOf));
    }),
    { numRuns: 100 },
  );
  t.pass();
  t.end();
});
