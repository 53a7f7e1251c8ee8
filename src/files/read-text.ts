import { readFile } from 'node:fs/promises';
import { systemErrorCode, UserError } from '../errors/user-error.ts';

/**
 * The text of a file.
 *
 * @param path the file
 * @param what what the file is for, as in `Cannot read the policy file 'p.yaml'`
 * @param hint what the person can do
 * @throws {UserError} FileUnreadable
 */
export async function readText(
  path: string,
  { what, hint }: { readonly what: string; readonly hint: string },
): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new UserError('FileUnreadable', `Cannot read ${what} '${path}': ${systemErrorCode(cause)}`, { hint, cause });
  }
}
