import type { Manifest } from './manifest.ts';
import { printManifest } from './print-manifest.ts';

/** First line of every file that `render --output` writes; by it a later rendering knows that a file is its own. */
export const RENDERED_MARK = '# Rendered by gvisor-injector render: a change made here is lost at the next rendering.';

/** The file that makes a kustomize base of a folder. */
export const KUSTOMIZATION_FILE = 'kustomization.yaml';

/** A file of a folder of manifests. */
export interface ManifestFile {
  readonly name: string;
  readonly text: string;
}

/** A kustomize base: a file for each object, and the kustomization that lists them in the order of the rendering. */
export function manifestFiles(manifests: readonly Manifest[]): readonly ManifestFile[] {
  const objects = manifests.map(manifest => ({ name: manifest.file, text: marked(printManifest(manifest)) }));
  return [...objects, { name: KUSTOMIZATION_FILE, text: marked(kustomization(objects.map(({ name }) => name))) }];
}

function marked(text: string): string {
  return `${RENDERED_MARK}\n${text}`;
}

function kustomization(resources: readonly string[]): string {
  return [
    '# Set no `namespace:` over this: selectors, the DNS name and the policy know the namespace too. Render again with',
    '# --namespace instead. Labels that end up in a selector cannot be added to an installed Deployment.',
    'apiVersion: kustomize.config.k8s.io/v1beta1',
    'kind: Kustomization',
    'resources:',
    ...resources.map(name => `  - ${name}`),
    '',
  ].join('\n');
}
