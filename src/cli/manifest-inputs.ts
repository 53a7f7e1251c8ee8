import { type Manifests, readManifests } from '../documents/read-manifests.ts';
import type { Ask } from '../documents/inject-text.ts';
import { UserError } from '../errors/user-error.ts';
import { type Target, TRIGGERS } from '../policy/admission-path.ts';
import { decide } from '../policy/decide.ts';
import { DEFAULT_NAMESPACE } from '../policy/keys.ts';
import type { Policy } from '../policy/policy.ts';
import type { CommandIO } from './command.ts';
import { choiceFlag, type Flags, namespaceFlag, usageError } from './flags.ts';
import { readInputs } from './inputs.ts';
import { readPolicyFile } from './policy-file.ts';

/** The flags that say which manifests are decided on, and as in which namespace. */
export const MANIFEST_FLAGS = {
  file: 'strings',
  policy: 'string',
  profile: 'string',
  trigger: 'string',
  'opt-out': 'boolean',
  namespace: 'string',
} as const;

/** One-letter names of {@link MANIFEST_FLAGS}. */
export const MANIFEST_SHORT_FLAGS = { f: 'file' } as const;

/** The part of a command's help that explains {@link MANIFEST_FLAGS}. */
export const MANIFEST_HELP = `  -f, --file FILE      a file, a folder (*.yaml, *.yml and *.json below it) or - for stdin; may be repeated
      --policy FILE    the policy; the built-in default if absent
      --profile NAME   the profile of the Namespace label; the first of the policy if absent
      --trigger WHY    enforce: the namespace is labelled (default); audit: labelled for audit; pod: not labelled
      --opt-out        the namespace lets its Pods opt out
      --namespace NS   the namespace of the product itself (default ${DEFAULT_NAMESPACE})
`;

/** Manifests, and what is asked about their Pods. */
export interface ManifestQuestion {
  readonly policy: Policy;
  readonly target: Target;
  readonly manifests: readonly Manifests[];
  /** Decides as if the Pods were created in such a namespace. */
  readonly ask: Ask;
}

/**
 * Reads policy and manifests as the flags say.
 *
 * @throws {UserError} BadUsage, FileUnreadable, PolicyInvalid or DocumentInvalid
 */
export async function readManifestQuestion(
  command: string,
  flags: Flags<typeof MANIFEST_FLAGS>,
  io: CommandIO,
): Promise<ManifestQuestion> {
  const { policy } = await readPolicyFile(flags.policy, namespaceFlag(command, flags.namespace));
  const target = targetOf(command, flags, policy);
  const inputs = await readInputs(command, flags.file ?? [], io);
  const manifests = forEachInput(inputs, ({ text, file }) => readManifests(text, file));
  const ask: Ask = (pod, { namespace }) => decide({ policy, target, namespace, pod });
  return { policy, target, manifests, ask };
}

/**
 * Does the same with every input; faults in several are reported together.
 *
 * @throws {UserError} DocumentInvalid with the faults of all inputs
 */
export function forEachInput<Item, Result>(items: readonly Item[], act: (item: Item) => Result): readonly Result[] {
  const results: Result[] = [];
  const faults: UserError[] = [];
  for (const item of items) {
    try {
      results.push(act(item));
    } catch (error) {
      if (!(error instanceof UserError && error.code === 'DocumentInvalid')) throw error;
      faults.push(error);
    }
  }
  const [first, ...others] = faults;
  if (first === undefined) return results;
  if (others.length === 0) throw first;
  const details = faults.flatMap(fault => fault.details);
  const hint = faults.map(fault => fault.hint).find(text => text !== undefined);
  throw new UserError('DocumentInvalid', `Cannot use ${faults.length} inputs: ${details.length} faults`, {
    details,
    ...(hint === undefined ? {} : { hint }),
  });
}

function targetOf(command: string, flags: Flags<typeof MANIFEST_FLAGS>, { profiles }: Policy): Target {
  const trigger = choiceFlag(command, { name: 'trigger', value: flags.trigger ?? 'enforce', choices: TRIGGERS });
  const optOut = flags['opt-out'] ?? false;
  if (optOut && trigger !== 'enforce') {
    throw usageError(command, `--opt-out has no meaning with --trigger ${trigger}: only a labelled namespace needs it`);
  }
  if (trigger === 'pod') {
    if (flags.profile !== undefined) {
      throw usageError(command, '--profile has no meaning with --trigger pod: no Namespace label asks');
    }
    return { trigger };
  }
  const profile = choiceFlag(command, {
    name: 'profile',
    value: flags.profile ?? profiles[0].name,
    choices: profiles.map(({ name }) => name),
  });
  return trigger === 'enforce' ? { trigger, profile, optOut } : { trigger, profile };
}
