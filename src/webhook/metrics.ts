import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Target } from '../policy/admission-path.ts';
import type { Decision } from '../policy/decision.ts';
import type { RefusalCode } from './refusal.ts';

/** Seconds; a decision takes well under a millisecond, a slow client any time. */
const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** Every metric, with its help text and labels: the README's table is held to this. */
export const METRICS = {
  decisions: {
    name: 'gvisor_injector_decisions_total',
    help: 'Decisions by trigger, profile, outcome and reason',
    labelNames: ['trigger', 'profile', 'outcome', 'reason'],
  },
  findings: {
    name: 'gvisor_injector_findings_total',
    help: 'Findings in decided Pods by code',
    labelNames: ['code'],
  },
  duration: {
    name: 'gvisor_injector_decision_duration_seconds',
    help: 'Time from the request line to the decision, body included',
    labelNames: [],
  },
  refused: {
    name: 'gvisor_injector_requests_refused_total',
    help: 'Requests that got no decision, by refusal code',
    labelNames: ['code'],
  },
  inFlight: {
    name: 'gvisor_injector_requests_in_flight',
    help: 'Requests to /mutate that are under way',
    labelNames: [],
  },
  certificateReloads: {
    name: 'gvisor_injector_certificate_reloads_total',
    help: 'Readings of a changed serving certificate, by result: loaded or failed',
    labelNames: ['result'],
  },
  certificateExpiry: {
    name: 'gvisor_injector_certificate_expiry_timestamp_seconds',
    help: 'End of the serving certificate in use, seconds since 1970; 0 without one',
    labelNames: [],
  },
  policy: {
    name: 'gvisor_injector_policy_info',
    help: 'Always 1; the label is the digest of the policy in use',
    labelNames: ['digest'],
  },
} as const;

/** The webhook's counters; they know nothing of HTTP. */
export interface Metrics {
  readonly decided: (target: Target, decision: Decision, seconds: number) => void;
  readonly refused: (code: RefusalCode) => void;
  readonly certificateLoaded: (notAfter: Date) => void;
  readonly certificateFailed: () => void;
  /** The text that Prometheus scrapes, with its content type. */
  readonly scrape: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/**
 * Metrics in a registry of their own.
 *
 * @param inFlight asked at each scrape
 */
export function createMetrics({ policyDigest, inFlight }: { policyDigest: string; inFlight: () => number }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const decisions = new Counter({ ...mutable(METRICS.decisions), registers });
  const findings = new Counter({ ...mutable(METRICS.findings), registers });
  const refused = new Counter({ ...mutable(METRICS.refused), registers });
  const duration = new Histogram({ ...mutable(METRICS.duration), buckets: DURATION_BUCKETS, registers });
  const reloads = new Counter({ ...mutable(METRICS.certificateReloads), registers });
  const expiry = new Gauge({ ...mutable(METRICS.certificateExpiry), registers });
  const policy = new Gauge({ ...mutable(METRICS.policy), registers });
  policy.set({ digest: policyDigest }, 1);
  registry.registerMetric(
    new Gauge({
      ...mutable(METRICS.inFlight),
      registers: [],
      collect() {
        this.set(inFlight());
      },
    }),
  );
  return {
    decided: ({ trigger }, { profile = '', outcome, reason, findings: found }, seconds) => {
      decisions.inc({ trigger, profile, outcome, reason });
      duration.observe(seconds);
      for (const { code } of found) findings.inc({ code });
    },
    refused: code => refused.inc({ code }),
    certificateLoaded: notAfter => {
      reloads.inc({ result: 'loaded' });
      expiry.set(notAfter.getTime() / 1000);
    },
    certificateFailed: () => reloads.inc({ result: 'failed' }),
    scrape: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** prom-client's types ask for a mutable list of labels. */
function mutable<Label extends string>(metric: {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
}) {
  return { ...metric, labelNames: [...metric.labelNames] };
}
