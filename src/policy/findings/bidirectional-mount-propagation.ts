import type { FindingRule } from '../finding.ts';
import { member } from '../json.ts';
import { containersOf, objectsOf } from '../pod.ts';

/** The mount options shared and rshared are rejected, so the container is not created (gvisor: runsc/specutils/fs.go). */
export const findBidirectionalMountPropagation: FindingRule = pod =>
  containersOf(pod).flatMap(({ path, container }) =>
    objectsOf(member(container, 'volumeMounts'), `${path}.volumeMounts`).flatMap(mount =>
      member(mount.container, 'mountPropagation') === 'Bidirectional'
        ? [
            {
              code: 'BidirectionalMountPropagation',
              severity: 'error',
              path: `${mount.path}.mountPropagation`,
              message: 'gVisor rejects Bidirectional',
            },
          ]
        : [],
    ),
  );
