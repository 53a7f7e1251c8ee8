import { type KubeError, type KubeFailure } from '../../kube/kube-error.ts';
import { printable } from '../../policy/printable.ts';
import type { DoubtCause, Verdict } from './verdict.ts';

/** What a proof comes to when the API server does not do its part: that says nothing of gVisor. */
export function doubtOfApi(error: KubeError): Verdict {
  return { result: 'inconclusive', cause: causeOf(error), sentence: printable(error.message, 500) };
}

const ADMISSION: readonly KubeFailure[] = ['Forbidden', 'Invalid', 'NotFound', 'Rejected', 'Conflict'];

/** Quotas answer as everything else that admission refuses (apiserver: pkg/admission/plugin/resourcequota). */
function causeOf({ failure, sentence }: KubeError): DoubtCause {
  if (failure === 'Forbidden' && /exceeded quota|failed quota/.test(sentence)) return 'Quota';
  return ADMISSION.includes(failure) ? 'Admission' : 'API';
}
