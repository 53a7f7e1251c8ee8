import { always, type Attack } from './backstop-attack.ts';
import type { Patches } from './backstop-foreign-webhook.ts';
import { FOREIGN_CLASS, gatedPod, SANDBOXED, seeCreate } from './backstop-site.ts';

const SIDECAR = { name: 'sidecar', image: 'none' } as const;

/** Left behind it would make the API server refuse the Pod by itself. */
const WITHOUT_OVERHEAD = { op: 'remove', path: '/spec/overhead' } as const;

/** What a webhook that comes after the product's does to Pods, by their names. */
export const LATER_PATCHES = {
  '/class-removed': [{ op: 'remove', path: '/spec/runtimeClassName' }, WITHOUT_OVERHEAD],
  '/class-replaced': [{ op: 'replace', path: '/spec/runtimeClassName', value: FOREIGN_CLASS }, WITHOUT_OVERHEAD],
  '/selector-replaced': [{ op: 'replace', path: '/spec/nodeSelector/gvisor-injector~1runsc', value: 'other' }],
  '/container-added': [{ op: 'add', path: '/spec/containers/-', value: SIDECAR }],
  '/flag-added': [{ op: 'add', path: '/metadata/annotations', value: { 'dev.gvisor.flag.host-uds': 'all' } }],
} as const satisfies Patches;

/** A later webhook undoes what the webhook, or the author, did. */
export const LATER_ATTACKS: readonly Attack[] = [
  later('/class-removed', 'a later webhook that removes the RuntimeClass', 'backstop: NotInjected'),
  later('/class-replaced', 'a later webhook that replaces the RuntimeClass', 'backstop: RuntimeClassConflict'),
  later('/selector-replaced', 'a later webhook that changes the selector', 'API server: conflict'),
  later('/flag-added', 'a later webhook that adds a runtime flag', 'backstop: RuntimeFlagForbidden'),
  later('/container-added', 'a later webhook that adds a container, which is in the sandbox', 'sandboxed as gvisor'),
];

function later(path: keyof typeof LATER_PATCHES, what: string, seen: string): Attack {
  return {
    what,
    expected: always(seen),
    run: async site => {
      const found = await seeCreate(site, 'gvisor', gatedPod(path.slice(1), { spec: SANDBOXED }));
      return found.startsWith('API server: ') && found.includes('conflict') ? 'API server: conflict' : found;
    },
  };
}
