import { lstat, readlink } from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { systemErrorCode } from '../../errors/user-error.ts';
import { systemError } from './system-error.ts';

/** The kernel's own limit (path_resolution(7)). */
const MAXIMUM_LINKS = 40;

/** How a path is resolved. */
export interface ResolutionOptions {
  /** Follow a link that is the last part of the path. */
  readonly followsLast: boolean;
}

/**
 * Resolves a path as a process would whose root is that folder: an absolute link begins at the root, and `..` never
 * leaves it. Parts that do not exist are kept.
 *
 * @param root the folder, without symbolic links and without a slash at its end
 * @param path absolute, below the root
 * @returns absolute, below the root; `/` for the root itself
 * @throws {TypeError} when the path is not absolute
 * @throws {Error} the system's own error; `ELOOP` after 40 links
 */
export async function resolveBelow(root: string, path: string, { followsLast }: ResolutionOptions): Promise<string> {
  if (!path.startsWith('/')) throw new TypeError(`A path of a host is absolute: current value is '${path}'`);
  const waiting = partsOf(path);
  let resolved = '';
  let links = 0;
  for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
    if (part === '..') {
      resolved = resolved === '' ? '' : dirname(resolved);
      if (resolved === '/') resolved = '';
      continue;
    }
    const candidate = `${resolved}/${part}`;
    // The parts of a link have their place in the parts that wait, so the order is part of the meaning.
    // oxlint-disable-next-line no-await-in-loop
    const target = waiting.length > 0 || followsLast ? await linkTarget(root + candidate) : undefined;
    if (target === undefined) {
      resolved = candidate;
      continue;
    }
    links += 1;
    if (links > MAXIMUM_LINKS) throw systemError('ELOOP', 'resolve', path);
    if (target.startsWith('/')) resolved = '';
    waiting.unshift(...partsOf(target));
  }
  return resolved === '' ? '/' : resolved;
}

function partsOf(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.');
}

/** Where a link points to; undefined when there is no link. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch (error) {
    if (isNothingThere(error)) return undefined;
    throw error;
  }
}

/** True for the errors by which the system says that a path leads to nothing. */
export function isNothingThere(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
}
