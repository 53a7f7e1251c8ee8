import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { manifestFiles } from '../../src/manifest/manifest-folder.ts';
import { writeFolder } from '../../src/manifest/write-folder.ts';
import { isJsonObject, type JsonObject, member } from '../../src/policy/json.ts';
import { KUSTOMIZE } from '../support/kustomize.ts';
import { renderText, TWO_PROFILES } from './rendering.ts';

/** The manifests of the repository. */
export const MANIFESTS = join(import.meta.dirname, '../../manifests');

/** What kustomize makes of a folder. */
export async function build(folder: string): Promise<readonly JsonObject[]> {
  const { stdout } = await promisify(execFile)(KUSTOMIZE ?? '', ['build', folder], { maxBuffer: 1 << 24 });
  return parseAllDocuments(stdout, { version: '1.1' }).map((document): JsonObject => {
    const object: unknown = document.toJS();
    if (!isJsonObject(object)) throw new TypeError('a document of kustomize must be an object');
    return object;
  });
}

/**
 * An overlay with components over the rendering of two profiles in another namespace.
 *
 * @param more lines of its kustomization
 */
export async function buildOverlay(
  folder: string,
  components: readonly string[],
  more: readonly string[] = [],
): Promise<readonly JsonObject[]> {
  await cp(join(MANIFESTS, 'components'), join(folder, 'components'), { recursive: true });
  await writeFolder(join(folder, 'base'), manifestFiles(renderText(TWO_PROFILES, 'boxes')));
  await mkdir(join(folder, 'overlay'));
  const lines = [
    'resources:',
    '  - ../base',
    'components:',
    ...components.map(name => `  - ../components/${name}`),
    ...more,
  ];
  await writeFile(join(folder, 'overlay/kustomization.yaml'), `${lines.join('\n')}\n`);
  return await build(join(folder, 'overlay'));
}

/** What stands at a path of an object. */
export function at(object: unknown, ...path: readonly (string | number)[]): unknown {
  let value = object;
  for (const key of path) {
    value = isJsonObject(value) ? member(value, String(key)) : Array.isArray(value) ? value[Number(key)] : undefined;
  }
  return value;
}

/** The first object that fits. */
export function find(
  objects: readonly JsonObject[],
  kind: string,
  name?: string,
  namespace?: string,
): JsonObject | undefined {
  return objects.find(
    object =>
      member(object, 'kind') === kind &&
      (name === undefined || at(object, 'metadata', 'name') === name) &&
      (namespace === undefined || at(object, 'metadata', 'namespace') === namespace),
  );
}

/** Kinds and names, for comparison. */
export function sorted(objects: readonly unknown[]): readonly string[] {
  return objects.map(object => `${String(at(object, 'kind'))} ${String(at(object, 'metadata', 'name'))}`).toSorted();
}
