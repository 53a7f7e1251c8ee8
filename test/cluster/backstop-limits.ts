import type { Test } from 'tap';
import { isJsonObject, member } from '../../src/policy/json.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { admissionObjects, parseObject, pathOf } from './backstop-objects.ts';
import { describeAnswer } from './backstop-seen.ts';
import { gatedPod, podsPath, SANDBOXED, type Site } from './backstop-site.ts';
import { waitUntil } from './wait-until.ts';

/** What a costly Pod was answered, and how long it took. */
export interface CostRow {
  readonly what: string;
  readonly seen: string;
  readonly milliseconds: number;
}

const CONTAINERS = 64;
const POD_BYTES = 2_900_000;
/** The API server's own type checks find nothing in any expression. @throws {ClusterError} when it never checks them */
export async function checkTypes(t: Test, { api }: Site, policy: Policy): Promise<void> {
  for (const object of admissionObjects(policy)) {
    if (object.kind !== 'ValidatingAdmissionPolicy') continue;
    const text = await waitUntil({
      what: `the types of ${object.metadata.name} to be checked`,
      seconds: 60,
      check: async () => {
        const { body } = await api.call({ method: 'GET', path: pathOf(object) });
        const { metadata, status } = parseObject(body);
        const generation = isJsonObject(metadata) ? member(metadata, 'generation') : undefined;
        const isChecked = isJsonObject(status) && member(status, 'observedGeneration') === generation;
        return isChecked ? JSON.stringify(member(status, 'typeChecking')) : undefined;
      },
    });
    t.equal(text, '{}', `the types in ${object.metadata.name} are right`);
  }
}

/** The costliest Pods stay within the API server's limits for expressions, or are refused; none passes by its cost. */
export async function checkCost(t: Test, site: Site): Promise<readonly CostRow[]> {
  const annotations = { sandbox: 'gvisor', 'dev.gvisor.flag.debug': 'true' };
  const value = 'x'.repeat(POD_BYTES / CONTAINERS);
  const containers = Array.from({ length: CONTAINERS }, (_, index) => ({
    name: `container-${index}`,
    image: 'none',
    env: [{ name: 'A', value }],
  }));
  return [
    await cost(t, site, {
      what: `a sandboxed Pod of ${(POD_BYTES / 1e6).toFixed(1)} MB with ${CONTAINERS} containers`,
      pod: gatedPod('attack', { annotations, spec: { ...SANDBOXED, containers } }),
      expected: 'sandboxed as gvisor',
    }),
    await cost(t, site, {
      what: 'a sandboxed Pod of usual size',
      pod: gatedPod('attack', { annotations, spec: SANDBOXED }),
      expected: 'sandboxed as gvisor',
    }),
    await cost(t, site, {
      what: 'a sandboxed Pod with 5000 annotations, an allowed runtime flag among them',
      pod: gatedPod('attack', { annotations: { ...tinyAnnotations(4998), ...annotations }, spec: SANDBOXED }),
      expected: 'sandboxed as gvisor',
    }),
    await cost(t, site, {
      what: 'the same with one annotation more',
      pod: gatedPod('attack', { annotations: { ...tinyAnnotations(4999), ...annotations }, spec: SANDBOXED }),
      expected: 'backstop: RuntimeFlagForbidden',
    }),
    await cost(t, site, {
      what: 'an annotation `sandbox` of 260 KB',
      pod: gatedPod('attack', { annotations: { sandbox: 'x'.repeat(260_000) }, spec: SANDBOXED }),
      expected: 'backstop: UnknownProfile',
    }),
  ];
}

async function cost(
  t: Test,
  { api }: Site,
  { what, pod, expected }: { readonly what: string; readonly pod: object; readonly expected: string },
): Promise<CostRow> {
  const begun = performance.now();
  const seen = describeAnswer(await api.call({ method: 'POST', path: podsPath('gvisor'), body: pod }));
  const milliseconds = Math.round(performance.now() - begun);
  t.equal(seen, expected, what);
  return { what, seen, milliseconds };
}

function tinyAnnotations(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [index.toString(36), '']));
}
