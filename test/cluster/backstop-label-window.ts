import type { Test } from 'tap';
import { applyObject, expectDone, namespaceObject, removeObject } from './backstop-objects.ts';
import { describeAnswer } from './backstop-seen.ts';
import { gatedPod, type Site } from './backstop-site.ts';

/** How long a label that was added later did not count. */
export interface LabelWindow {
  readonly rounds: number;
  /** Rounds in which at least one Pod that was asked for after the label was there was not sandboxed. */
  readonly late: number;
  /** The longest time between the answer to the label and a Pod, asked for then, that was not sandboxed. */
  readonly longestMilliseconds: number;
}

const ROUNDS = 20;
/** Pods that are asked for in a row, must be sandboxed for a round to end. */
const ENOUGH = 5;
const LIMIT_MILLISECONDS = 5000;

/** Labels a namespace while Pods are created in it, again and again. The webhook must be up. */
export async function checkLabelWindow(t: Test, { api }: Site): Promise<LabelWindow> {
  let late = 0;
  let longestMilliseconds = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const namespace = namespaceObject(`backstop-window-${round}`);
    await applyObject(api, namespace);
    const pods = `/api/v1/namespaces/${namespace.metadata.name}/pods?dryRun=All`;
    const create = async () => describeAnswer(await api.call({ method: 'POST', path: pods, body: gatedPod('pod') }));
    const before = create();
    const path = `/api/v1/namespaces/${namespace.metadata.name}`;
    expectDone(await api.call({ method: 'PATCH', path, body: { metadata: { labels: { sandbox: 'gvisor' } } } }), path);
    const labelled = performance.now();
    let last = -1;
    for (let sandboxed = 0; sandboxed < ENOUGH && performance.now() - labelled < LIMIT_MILLISECONDS; ) {
      const asked = performance.now() - labelled;
      const seen = await create();
      if (seen === 'not sandboxed') last = asked;
      sandboxed = seen.startsWith('sandboxed') ? sandboxed + 1 : 0;
    }
    await before;
    if (last >= 0) late += 1;
    longestMilliseconds = Math.max(longestMilliseconds, last);
    await removeObject(api, namespace);
  }
  t.ok(longestMilliseconds < LIMIT_MILLISECONDS, `a label counts soon after it was set: ${longestMilliseconds} ms`);
  return { rounds: ROUNDS, late, longestMilliseconds: Math.max(0, Math.ceil(longestMilliseconds)) };
}
