import type { Finding, FindingRule } from '../finding.ts';
import { isJsonObject, member } from '../json.ts';

/** The mount options shared and rshared are rejected, so the container is not created (gvisor: runsc/specutils/fs.go). */
export const findBidirectionalMountPropagation: FindingRule = (_pod, containers) => {
  const found: Finding[] = [];
  for (const { path, container } of containers) {
    const mounts = member(container, 'volumeMounts');
    if (!Array.isArray(mounts)) continue;
    for (const [index, mount] of mounts.entries()) {
      if (isJsonObject(mount) && member(mount, 'mountPropagation') === 'Bidirectional') {
        found.push({
          code: 'BidirectionalMountPropagation',
          severity: 'error',
          path: `${path}.volumeMounts[${index}].mountPropagation`,
          message: 'gVisor rejects Bidirectional',
        });
      }
    }
  }
  return found;
};
