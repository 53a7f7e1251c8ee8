import type { Finding, FindingRule } from '../finding.ts';
import { isJsonObject, type JsonObject, member } from '../json.ts';

/** runsc refuses a spec with a Windows section (gvisor: runsc/specutils/specutils.go, "Spec.Windows is not supported"). */
export const findWindows: FindingRule = (pod, containers) => {
  const os = member(pod.spec, 'os');
  const named = isJsonObject(os) && member(os, 'name') === 'windows' ? [finding('spec.os.name')] : [];
  const options = [{ path: 'spec', container: pod.spec }, ...containers].flatMap(({ path, container }) =>
    hasWindowsOptions(container) ? [finding(`${path}.securityContext.windowsOptions`)] : [],
  );
  return [...named, ...options];
};

function hasWindowsOptions(holder: JsonObject): boolean {
  const securityContext = member(holder, 'securityContext');
  return isJsonObject(securityContext) && member(securityContext, 'windowsOptions') !== undefined;
}

function finding(path: string): Finding {
  return { code: 'Windows', severity: 'error', path, message: 'gVisor runs Linux containers only' };
}
