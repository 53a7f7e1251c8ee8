import * as v from 'valibot';
import type { KubeClient } from '../../kube/kube-client.ts';
import { RESOURCES } from '../../kube/resource.ts';
import type { ProofImage } from './proof-pod.ts';

const PodSchema = v.object({
  spec: v.object({
    imagePullSecrets: v.optional(v.array(v.object({ name: v.string() })), []),
    containers: v.array(
      v.object({ name: v.string(), image: v.string(), imagePullPolicy: v.optional(v.string(), 'IfNotPresent') }),
    ),
  }),
});

/** The Pod and container in which this process runs. */
export interface OwnContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/**
 * The image that this process runs from, as its Pod names it: whoever changes the image of the agent changes that of the
 * proofs.
 *
 * @returns undefined when the Pod has no such container
 * @throws {KubeError}
 */
export async function readOwnImage(
  client: Pick<KubeClient, 'get'>,
  { namespace, pod, container }: OwnContainer,
): Promise<ProofImage | undefined> {
  const { content } = await client.get({ resource: RESOURCES.pods, namespace, name: pod });
  const result = v.safeParse(PodSchema, content);
  if (!result.success) return undefined;
  const { containers, imagePullSecrets } = result.output.spec;
  const own = containers.find(({ name }) => name === container);
  if (own === undefined) return undefined;
  const { image, imagePullPolicy } = own;
  return { image, imagePullPolicy, imagePullSecrets: imagePullSecrets.map(({ name }) => name) };
}
