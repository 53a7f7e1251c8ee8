import { type Ask, injectManifests, type PodDecision } from '../documents/inject-text.ts';
import { joinTexts } from '../documents/join-texts.ts';
import { formatObject, formatPlace } from '../documents/read-manifests.ts';
import { EXIT_CODES } from '../errors/user-error.ts';
import type { Command } from './command.ts';
import { parseFlags } from './flags.ts';
import {
  forEachInput,
  MANIFEST_FLAGS,
  MANIFEST_HELP,
  MANIFEST_SHORT_FLAGS,
  readManifestQuestion,
} from './manifest-inputs.ts';

/** `inject`: manifests in, sandboxed manifests out. */
export const inject: Command = {
  summary: 'manifests in, sandboxed manifests out',
  help: `gvisor-injector inject -f deployment.yaml | kubectl apply -f -

Writes the manifests to stdout as the webhook would have made their Pods; workload templates too. Only what is missing
is inserted: every other byte stays, comments too. Several inputs come out as one stream in reading order. Acts as in a
namespace labelled with the default profile.

${MANIFEST_HELP}
Exit codes: 0 done, 2 bad usage or input, 3 at least one Pod would be denied (nothing is written then).
`,
  run: async (args, io) => {
    const flags = parseFlags(args, { command: 'inject', flags: MANIFEST_FLAGS, short: MANIFEST_SHORT_FLAGS });
    const { target, manifests, ask } = await readManifestQuestion('inject', flags, io);
    const isAudit = target.trigger === 'audit';
    const asked: Ask = isAudit ? (pod, place) => ({ ...ask(pod, place), patch: [] }) : ask;
    const injections = forEachInput(manifests, read => injectManifests(read, asked));
    const results = injections.flatMap(injection => injection.results);
    const lines = isAudit ? results.map(describeAudit) : results.flatMap(describe);
    const denied = isAudit ? [] : results.filter(({ decision }) => decision.outcome === 'denied');
    io.stderr.write(
      [...lines, summarize(results, { denied: denied.length, isAudit })].map(line => `${line}\n`).join(''),
    );
    if (denied.length > 0) return EXIT_CODES.answerIsNo;
    io.stdout.write(joinTexts(injections.map(({ output }) => output)));
    return EXIT_CODES.done;
  },
};

function describe({ place, decision }: PodDecision): readonly string[] {
  const where = `${formatPlace(place)}: ${formatObject(place)}`;
  const { outcome, reason, message, warnings } = decision;
  return [
    ...warnings.map(warning => `warning: ${where}: ${warning}`),
    ...(outcome === 'denied' ? [`denied: ${where}: ${reason}: ${message}`] : []),
  ];
}

function describeAudit({ place, decision: { outcome, reason, message } }: PodDecision): string {
  return `audit: ${formatPlace(place)}: ${formatObject(place)}: ${outcome}, ${reason}: ${message}`;
}

interface SummaryOptions {
  readonly denied: number;
  readonly isAudit: boolean;
}

function summarize(results: readonly PodDecision[], { denied, isAudit }: SummaryOptions): string {
  if (results.length === 0) return 'no Pod and no workload template in the input: there was nothing to sandbox';
  if (denied > 0) return `nothing was written: ${denied} of ${count(results.length)} would be denied`;
  if (isAudit) return `nothing was changed: audit only decides, ${count(results.length)}`;
  const patched = results.filter(({ decision }) => decision.outcome === 'patched').length;
  return `sandboxed ${patched} of ${count(results.length)}`;
}

function count(pods: number): string {
  return pods === 1 ? '1 Pod or template' : `${pods} Pods and templates`;
}
