import { EXIT_CODES } from '../errors/user-error.ts';
import { type AuditOptions, createAuditReducer, DEFAULT_TOP } from '../record/audit-reducer.ts';
import { renderAudit } from './audit-report.ts';
import type { Command } from './command.ts';
import { choiceFlag, integerFlag, parseFlags, usageError } from './flags.ts';
import { instantFlag } from './instant.ts';
import { readLogs } from './log-input.ts';

const HELP = `kubectl logs -n gvisor-injector -l app.kubernetes.io/name=gvisor-injector --prefix --tail=-1 | gvisor-injector audit
gvisor-injector audit -f webhook-0.log -f webhook-1.log --since 24h

Reads the webhook's logs and says what was decided: by reason, namespace and requester, and which Pods were not
sandboxed and why. Several logs are read as one; a record that is there twice counts once. Lines that are no
decision are counted, with or without the prefixes of kubectl logs --prefix and --timestamps.
Dry runs count as decisions, but are not listed as Pods that were not sandboxed.

  -f, --file FILE      log to read, a folder of *.log and *.jsonl, or - for standard input (the default); repeatable
  --namespace NAME     only decisions about this namespace; repeatable
  --since WHEN         only decisions from then on: a duration before now (90s, 15m, 24h, 7d) or an RFC 3339 time
  --until WHEN         only decisions before then
  --top N              how many namespaces, requesters and Pods to list, 1 to 10000 (default ${DEFAULT_TOP})
  --output FORMAT      table (default) or json

Exit codes: 0 done, even when there is no decision; 2 bad usage or a log that cannot be read.
`;

const FLAGS = {
  file: 'strings',
  namespace: 'strings',
  since: 'string',
  until: 'string',
  top: 'string',
  output: 'string',
} as const;

/** What the command takes from the machine. */
export interface AuditClock {
  /** The time of day, for durations before now. */
  readonly now: () => Date;
}

/** The command `audit`. */
export function createAudit(clock: AuditClock): Command {
  return {
    summary: 'says what the webhook decided, from its logs',
    help: HELP,
    run: async (args, io) => {
      const flags = parseFlags(args, { command: 'audit', flags: FLAGS, short: { f: 'file' } });
      const choices = ['table', 'json'] as const;
      const output = choiceFlag('audit', { name: 'output', value: flags.output ?? 'table', choices });
      const reducer = createAuditReducer(auditOptions(flags, clock.now()));
      await readLogs(flags.file ?? [], io, reducer.add);
      const summary = reducer.summary();
      io.stdout.write(output === 'json' ? `${JSON.stringify(summary, undefined, 2)}\n` : renderAudit(summary));
      return EXIT_CODES.done;
    },
  };
}

/** The command `audit` with the machine's clock. */
export const audit: Command = createAudit({ now: () => new Date() });

interface FilterFlags {
  readonly namespace?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly top?: string;
}

function auditOptions({ namespace, since, until, top }: FilterFlags, now: Date): AuditOptions {
  const options: AuditOptions = {
    ...(since === undefined ? {} : { since: instantFlag('audit', { name: 'since', value: since, now }) }),
    ...(until === undefined ? {} : { until: instantFlag('audit', { name: 'until', value: until, now }) }),
    ...(namespace === undefined ? {} : { namespaces: new Set(namespace) }),
    ...(top === undefined
      ? {}
      : { top: integerFlag('audit', { name: 'top', value: top, minimum: 1, maximum: 10_000 }) }),
  };
  if (options.since !== undefined && options.until !== undefined && options.since >= options.until) {
    throw usageError('audit', `--since '${since}' must be before --until '${until}'`);
  }
  return options;
}
