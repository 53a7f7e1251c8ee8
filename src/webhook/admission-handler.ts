import type { Target } from '../policy/admission-path.ts';
import { decide } from '../policy/decide.ts';
import { readPod } from '../policy/pod.ts';
import type { Policy } from '../policy/policy.ts';
import { type ClientCertificate, toDecisionRecord } from '../record/decision-record.ts';
import type { Log } from '../record/log.ts';
import { type AdmissionRequest, readAdmissionReview } from './admission-review.ts';
import { admissionResponse, malformedPodResponse } from './admission-response.ts';
import { parseJsonBody } from './json-body.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { recordSubject } from './record-subject.ts';
import type { RefusalObserver } from './refusal-observer.ts';
import { Refusal } from './refusal.ts';

/** What an answer is made with. */
export interface AdmissionHandlerOptions {
  readonly policy: Policy;
  readonly policyDigest: string;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly refusals: RefusalObserver;
}

/** One request to `/mutate`. */
export interface AdmissionCall {
  readonly target: Target;
  readonly body: Buffer;
  readonly clientCertificate: ClientCertificate;
  /** Milliseconds since the request line. */
  readonly elapsedMilliseconds: () => number;
}

/** From the bytes of a request to the bytes of its answer; the record is written in between. */
export class AdmissionHandler {
  readonly #options: AdmissionHandlerOptions;

  constructor(options: AdmissionHandlerOptions) {
    this.#options = options;
  }

  /**
   * @returns an AdmissionReview as JSON, to be sent with status 200
   * @throws {Refusal} when the body is no AdmissionReview about the creation of a Pod
   */
  answer(call: AdmissionCall): string {
    const request = readAdmissionReview(parseJsonBody(call.body, this.#options.limits));
    const { pod, fault } = readPod(request.object);
    if (pod === undefined) return this.#answerMalformed(request, call.target, fault);
    const { policy } = this.#options;
    const { namespace, requester } = request;
    const decision = decide({ policy, target: call.target, namespace, pod, requester });
    const milliseconds = call.elapsedMilliseconds();
    this.#options.metrics.decided(call.target, decision, milliseconds / 1000);
    this.#options.log.decision(
      toDecisionRecord({
        subject: recordSubject(request, call.clientCertificate),
        target: call.target,
        decision,
        durationMilliseconds: milliseconds,
        policyDigest: this.#options.policyDigest,
      }),
    );
    return admissionResponse(request.uid, call.target, decision);
  }

  #answerMalformed({ uid }: AdmissionRequest, target: Target, fault: string): string {
    this.#options.refusals.refused(new Refusal('ObjectInvalid', fault));
    return malformedPodResponse(uid, target, fault);
  }
}
