import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { makeCertificates } from '../../certs/make-certificates.ts';
import { IMAGE_NAME, NODE_IMAGE_NAME, SERVICE_NAME, WEBHOOK_NAME } from '../../src/manifest/names.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { makePayload } from './gvisor-payload.ts';
import type { Kubectl } from './kubectl.ts';
import { STATE_FOLDER } from './layout.ts';
import { buildNodeImage, NODE_IMAGE } from './node-image.ts';
import { buildProductImage, PRODUCT_IMAGE } from './product-image.ts';
import type { Progress } from './progress.ts';
import { importImage } from './test-image.ts';

/** The namespace and the Deployment that `manifests/base` makes. */
export const WEBHOOK_NAMESPACE = SERVICE_NAME;
export const WEBHOOK_DEPLOYMENT = `deployment/${WEBHOOK_NAME}`;
/** Selects the webhook's Pods. */
export const WEBHOOK_SELECTOR = 'app.kubernetes.io/component=webhook';

/** The README's commands name paths below this folder, as a user has them below the repository. */
export const INSTALL_FOLDER = join(STATE_FOLDER, 'install');
const OVERLAY = join(INSTALL_FOLDER, 'manifests/overlays/example');

/** What is installed, where it is not what a user begins with. */
export interface OverlayOptions {
  /** A file; the default policy when absent. */
  readonly policy?: string;
  /** The image of the node agent. */
  readonly nodeImage?: string;
}

/** Builds the product's two images, with the release of gVisor that the tests have, and puts them on every node. */
export async function provideImages(
  { parts, signal }: Pick<ClusterUnderTest, 'parts' | 'signal'>,
  progress: Progress,
): Promise<void> {
  const archive = join(STATE_FOLDER, 'image.tar');
  await progress('the product image', () => buildProductImage({ tree: parts.tree, archive, signal }));
  await progress('importing the product image', () => importImage(archive));
  const { folder, release } = await makePayload(parts.programs.gvisor, join(STATE_FOLDER, 'payload'));
  await progress('the node image', () => buildNodeImage({ payload: folder, release, archive, signal }));
  await progress('importing the node image', () => importImage(archive));
  await rm(archive);
}

/**
 * Makes the overlay of a user without cert-manager: certificates, the base for the policy, the names of the images. The
 * certificates of an earlier call are kept.
 */
export async function writeOverlay({ policy, nodeImage = NODE_IMAGE }: OverlayOptions = {}): Promise<void> {
  await mkdir(OVERLAY, { recursive: true });
  // It would be kept with all its images.
  await rm(join(OVERLAY, 'kustomization.yaml'), { force: true });
  const flags = policy === undefined ? [] : ['--policy', policy];
  await makeCertificates(['--output', OVERLAY, ...flags], { stdout: new PassThrough().resume(), now: new Date() });
  const images = [imageLines(IMAGE_NAME, PRODUCT_IMAGE), imageLines(NODE_IMAGE_NAME, nodeImage)];
  await appendFile(join(OVERLAY, 'kustomization.yaml'), `images:\n${images.join('')}`);
}

function imageLines(name: string, image: string): string {
  const [newName = '', newTag = ''] = image.split(':');
  return `  - name: ${name}\n    newName: ${newName}\n    newTag: ${newTag}\n`;
}

/** Installs the product by that overlay, or changes what is installed, and waits for the webhook. @throws {ClusterError} */
export async function installProduct(kubectl: Kubectl, options: OverlayOptions = {}): Promise<void> {
  await writeOverlay(options);
  await kubectl.run(['apply', '--kustomize', OVERLAY]);
  await waitForRollout(kubectl);
}

/** Waits until all replicas of the webhook are the newest and ready. */
export async function waitForRollout(kubectl: Kubectl): Promise<void> {
  const namespace = ['--namespace', WEBHOOK_NAMESPACE];
  await kubectl.run(['rollout', 'status', ...namespace, WEBHOOK_DEPLOYMENT, '--timeout=120s'], { timeout: 130_000 });
}
