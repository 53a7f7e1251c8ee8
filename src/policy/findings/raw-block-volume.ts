import type { FindingRule } from '../finding.ts';
import { member } from '../json.ts';
import { objectsOf } from '../pod.ts';

/** The node is created and opening it gives ENXIO: no block device is registered (gvisor: pkg/sentry/vfs/device.go). */
export const findRawBlockVolume: FindingRule = (_pod, containers) =>
  containers.flatMap(({ path, container }) =>
    objectsOf(member(container, 'volumeDevices'), `${path}.volumeDevices`).map(device => ({
      code: 'RawBlockVolume',
      severity: 'error',
      path: device.path,
      message: 'a sandbox cannot open block devices',
    })),
  );
