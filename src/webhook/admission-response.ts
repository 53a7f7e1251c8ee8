import type { Target } from '../policy/admission-path.ts';
import type { Decision } from '../policy/decision.ts';
import { printable } from '../policy/printable.ts';
import { REVIEW_API_VERSION, REVIEW_KIND } from './admission-review.ts';

/** Longest sentence of a denial; the API server sets no limit, a terminal does. */
const MESSAGE_LENGTH = 4000;

/**
 * The answer to a decision as JSON. A patch and its type are both there or both absent, or the API server takes the
 * answer for a failed call (apiserver: pkg/admission/plugin/webhook/request/admissionreview.go). In audit mode
 * the Pod passes as it came and nobody is warned.
 *
 * Audit annotations and warnings are the same for the same Pod at every call: the API server keeps the first value of an
 * annotation and drops a warning only when it is equal to an earlier one.
 */
export function admissionResponse(uid: string, target: Target, decision: Decision): string {
  const auditAnnotations = {
    trigger: target.trigger,
    ...(decision.profile === undefined ? {} : { profile: decision.profile }),
    outcome: decision.outcome,
  };
  if (target.trigger === 'audit') return answer({ uid, allowed: true, auditAnnotations });
  const { outcome, warnings } = decision;
  const common = { uid, allowed: outcome !== 'denied', auditAnnotations, ...(warnings.length > 0 ? { warnings } : {}) };
  switch (outcome) {
    case 'allowed':
      return answer(common);
    case 'denied':
      return answer({ ...common, status: denial(403, 'Forbidden', `${decision.reason}: ${decision.message}`) });
    case 'patched':
      return answer({
        ...common,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(decision.patch)).toString('base64'),
      });
    default:
      return outcome satisfies never;
  }
}

/**
 * The answer about an object that no Pod can look like: a denial, not an HTTP error, since under `failurePolicy: Ignore`
 * an error would let it pass.
 *
 * @param fault what is wrong with the object; names the field
 */
export function malformedPodResponse(uid: string, target: Target, fault: string): string {
  const isAudit = target.trigger === 'audit';
  return answer({
    uid,
    allowed: isAudit,
    ...(isAudit ? {} : { status: denial(400, 'BadRequest', `request.object is no Pod: ${fault}`) }),
  });
}

function denial(code: number, reason: string, message: string) {
  return { status: 'Failure', code, reason, message: printable(message, MESSAGE_LENGTH) };
}

function answer(response: object): string {
  return JSON.stringify({ apiVersion: REVIEW_API_VERSION, kind: REVIEW_KIND, response });
}
