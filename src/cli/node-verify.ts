import { EXIT_CODES, type ExitCode } from '../errors/user-error.ts';
import { type Check, verify } from '../node/change/verify.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, parseFlags } from './flags.ts';
import type { NodeCommand } from './node.ts';
import { handlersOfPolicy, rootFlag } from './node-flags.ts';
import { withHost } from './node-host.ts';
import { readPolicyFile } from './policy-file.ts';
import { reportingFailures } from './node-report.ts';
import { renderTable } from './table.ts';

const NAME = 'node verify';
const FLAGS = { policy: 'string', root: 'string', boot: 'boolean', output: 'string' } as const;

const HELP = `gvisor-injector node verify
gvisor-injector node verify --boot

Looks whether gVisor is on this host as it was installed: the record, every part of the payload, our lines in containerd's
configuration, what containerd makes of them, and what CRI has loaded.

Flags:
  -f, --policy FILE    the policy, for its handlers (default: the built-in one, handler runsc)
      --boot           also start a sandbox by each handler over CRI, and remove it again
      --root DIR       where the host's root is (default: /)
  -o, --output FORMAT  table (default) or json

Exit codes: 0 all as it should be, 1 could not look, 2 bad usage, 3 something is not as it should be.
`;

/** `node verify`. */
export const nodeVerify: NodeCommand = { help: HELP, run };

async function run(args: readonly string[], io: CommandIO): Promise<ExitCode> {
  const flags = parseFlags(args, { command: NAME, flags: FLAGS, short: { f: 'policy', o: 'output' } });
  const output = choiceFlag(NAME, { name: 'output', value: flags.output ?? 'table', choices: ['table', 'json'] });
  const root = rootFlag(NAME, flags.root);
  const { policy } = await readPolicyFile(flags.policy, DEFAULT_NAMESPACE);
  const request = { handlers: handlersOfPolicy(policy).map(({ name }) => name), boot: flags.boot === true };
  return await reportingFailures(output, io, async () => {
    const checks = await withHost({ root, exclusive: false }, io, context => verify(context, request));
    io.stdout.write(output === 'json' ? `${JSON.stringify({ checks }, null, 2)}\n` : table(checks));
    return checks.every(({ passed }) => passed) ? EXIT_CODES.done : EXIT_CODES.answerIsNo;
  });
}

function table(checks: readonly Check[]): string {
  return renderTable(
    ['', 'what', 'found'],
    checks.map(({ subject, passed, sentence }) => [passed ? 'ok' : 'NO', subject, sentence]),
  );
}
