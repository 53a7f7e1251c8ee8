import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { makeCertificates } from '../../certs/make-certificates.ts';
import type { Kubectl } from './kubectl.ts';
import { STATE_FOLDER } from './layout.ts';
import { PRODUCT_IMAGE } from './product-image.ts';

/** The namespace and the Deployment that `manifests/base` makes. */
export const WEBHOOK_NAMESPACE = 'gvisor-injector';
export const WEBHOOK_DEPLOYMENT = 'deployment/gvisor-injector-webhook';
/** Selects the webhook's Pods. */
export const WEBHOOK_SELECTOR = 'app.kubernetes.io/component=webhook';

/**
 * Installs the webhook as a user does: certificates, the base of the manifests with the image's name, `kubectl apply
 * -k`, and waits for the rollout. @throws {ClusterError}
 */
export async function installWebhook(kubectl: Kubectl): Promise<void> {
  const folder = join(STATE_FOLDER, 'webhook');
  await mkdir(folder, { recursive: true });
  await makeCertificates(['--output', folder], { stdout: new PassThrough().resume(), now: new Date() });
  const [name, tag] = PRODUCT_IMAGE.split(':');
  const images = `images:\n  - name: gvisor-injector\n    newName: ${name}\n    newTag: ${tag}\n`;
  await appendFile(join(folder, 'kustomization.yaml'), images);
  await kubectl.run(['apply', '--kustomize', folder]);
  await waitForRollout(kubectl);
}

/** Waits until all replicas of the webhook are the newest and ready. */
export async function waitForRollout(kubectl: Kubectl): Promise<void> {
  const namespace = ['--namespace', WEBHOOK_NAMESPACE];
  await kubectl.run(['rollout', 'status', ...namespace, WEBHOOK_DEPLOYMENT, '--timeout=120s'], { timeout: 130_000 });
}
