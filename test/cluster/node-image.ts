import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePayloadContext } from '../../images/payload-context.ts';
import { buildah } from './buildah.ts';
import { REPOSITORY } from './layout.ts';
import { PRODUCT_IMAGE } from './product-image.ts';

/** The node agent's image, as its users build it. */
export const NODE_IMAGE = 'localhost/gvisor-injector-node:cluster-test';

/** What the image is made from, and where to. */
export interface NodeImageOptions {
  /** A release: an archive, or a folder with its parts and SHA512SUMS. */
  readonly payload: string;
  readonly release: string;
  readonly archive: string;
  readonly signal: AbortSignal;
  /** Its name. */
  readonly image?: string;
}

/** Builds images/node.Dockerfile over the product's image, which is there already, and writes an archive. */
export async function buildNodeImage(options: NodeImageOptions): Promise<void> {
  const { payload, release, archive, signal, image = NODE_IMAGE } = options;
  const context = await mkdtemp(join(tmpdir(), 'gvisor-injector-node-image-'));
  try {
    await makePayloadContext({ path: payload, release, architecture: 'x86_64', sum: undefined }, context);
    await buildah(
      [
        'build',
        '--isolation=chroot',
        '--pull-never',
        '--quiet',
        '--layers',
        '--force-rm',
        `--tag=${image}`,
        `--build-arg=PRODUCT_IMAGE=${PRODUCT_IMAGE}`,
        `--file=${join(REPOSITORY, 'images/node.Dockerfile')}`,
        context,
      ],
      { signal },
    );
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  await rm(archive, { force: true });
  await buildah(['push', '--quiet', image, `oci-archive:${archive}:${image}`]);
}
