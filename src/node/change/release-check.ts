import { printable } from '../../policy/printable.ts';
import { NodeError } from '../node-error.ts';
import type { Refusal } from '../reason.ts';
import { parseRunscFlags, parseRunscVersion, unknownFlags } from '../runsc/runsc-output.ts';
import type { ChangeContext } from './context.ts';
import { releaseFolder } from '../payload/release-folder.ts';
import type { HostCommandResult } from '../systemd/systemd.ts';
import type { HandlerRequest } from './install-plan.ts';

const TIMEOUT_SECONDS = 30;
const MESSAGE_LENGTH = 300;

/**
 * Lets the host run the release's runsc: it must be that release, and know every flag of the policy.
 *
 * @throws {NodeError} PayloadMixedReleases, PayloadInvalid or RunscFlagUnknown
 */
export async function checkRelease(
  context: ChangeContext,
  release: string,
  handlers: readonly HandlerRequest[],
): Promise<void> {
  const found = parseRunscVersion((await runRunsc(context, release, '--version')).stdout);
  if (found !== release) {
    throw new NodeError('NodeRefused', {
      reason: 'PayloadMixedReleases',
      sentence: `${releaseFolder(release)}/runsc says that it is release ${found ?? 'unknown'}, not ${release}`,
      hint: 'Name the release that the payload is of',
    });
  }
  const { stdout, stderr } = await runRunsc(context, release, 'flags');
  // runsc lists them on stderr (google/subcommands: FlagSet.PrintDefaults).
  const known = parseRunscFlags(`${stdout}\n${stderr}`);
  const refusals = handlers.flatMap(({ flags }) => unknownFlags(flags, known));
  const [first] = refusals;
  if (first !== undefined) throw new NodeError('NodeRefused', joined(first, refusals));
}

async function runRunsc({ systemd }: ChangeContext, release: string, argument: string): Promise<HostCommandResult> {
  const runsc = `${releaseFolder(release)}/runsc`;
  const result = await systemd.run({ purpose: 'runsc', command: [runsc, argument], timeoutSeconds: TIMEOUT_SECONDS });
  if (result.exitCode === 0) return result;
  throw new NodeError('NodeRefused', {
    reason: 'PayloadInvalid',
    sentence: `'${runsc} ${argument}' failed on this host: ${printable(result.stderr.trim(), MESSAGE_LENGTH) || `exit code ${result.exitCode ?? 'none'}`}`,
    hint: 'Try it on the host by hand',
  });
}

function joined(first: Refusal, refusals: readonly Refusal[]): Refusal {
  return { ...first, sentence: refusals.map(({ sentence }) => sentence).join('; ') };
}
