import { parsePolicyDocument, type PolicyDocument } from '../documents/policy-document.ts';
import { readText } from '../files/read-text.ts';
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
  const hint = 'Name a readable YAML file with --policy, or leave the flag out for the default policy';
  return parsePolicyDocument(await readText(file, { what: 'the policy file', hint }), { file, namespace });
}
