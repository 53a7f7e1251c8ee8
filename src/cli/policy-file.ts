import { readFile } from 'node:fs/promises';
import { parsePolicyDocument, type PolicyDocument } from '../documents/policy-document.ts';
import { systemErrorCode, UserError } from '../errors/user-error.ts';
import { DEFAULT_POLICY_TEXT } from '../policy/default-policy.ts';

/**
 * The policy of a command: the file of `--policy`, or the built-in default.
 *
 * @param file path of the policy file; undefined for the default
 * @param namespace the namespace of the webhook; it and its companions are exempt
 * @throws {UserError} FileUnreadable or PolicyInvalid
 */
export async function readPolicyFile(file: string | undefined, namespace: string): Promise<PolicyDocument> {
  if (file === undefined) return parsePolicyDocument(DEFAULT_POLICY_TEXT, { file: 'the default policy', namespace });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('FileUnreadable', `Cannot read the policy file '${file}': ${systemErrorCode(cause)}`, {
      hint: 'Name a readable YAML file with --policy, or leave the flag out for the default policy',
      cause,
    });
  }
  return parsePolicyDocument(text, { file, namespace });
}
