import { systemErrorCode } from '../../errors/user-error.ts';
import { join } from 'node:path/posix';
import type { HostFiles } from '../host/host-files.ts';

/**
 * Patterns of `imports`, as containerd reads them: Go's filepath.Match. A `*` or `?` never matches a slash, and does
 * match a dot at the beginning of a name.
 */

/** True for an entry of `imports` that containerd takes as a pattern: the others are names, whatever is in them. */
export function isPattern(path: string): boolean {
  return path.includes('*');
}

/** True when a name, without slashes, fits one segment of a pattern. A segment that is malformed fits nothing. */
export function matchesSegment(pattern: string, name: string): boolean {
  const expression = segmentExpression(pattern);
  if (expression === undefined) return false;
  try {
    return new RegExp(`^${expression}$`, 'su').test(name);
  } catch {
    // A range from a later to an earlier character, which nothing is in.
    return false;
  }
}

/** True when a segment of a path has to be looked up in its folder. */
export function isPatternSegment(segment: string): boolean {
  return /[*?[\\]/.test(segment);
}

/** The paths of the host that fit an absolute pattern, sorted folder by folder as Go does. */
export async function expandPattern(
  files: Pick<HostFiles, 'list' | 'status'>,
  pattern: string,
): Promise<readonly string[]> {
  let paths: readonly string[] = ['/'];
  for (const segment of pattern.split('/').filter(part => part !== '')) {
    paths = isPatternSegment(segment)
      ? await findInFolders(files, paths, segment)
      : paths.map(path => join(path, segment));
  }
  const found = await Promise.all(paths.map(async path => ((await files.status(path)) === undefined ? [] : [path])));
  return found.flat();
}

async function findInFolders(
  files: Pick<HostFiles, 'list'>,
  folders: readonly string[],
  segment: string,
): Promise<readonly string[]> {
  const found = folders.map(async folder => {
    const names = await listFolder(files, folder);
    return names.filter(name => matchesSegment(segment, name)).map(name => join(folder, name));
  });
  return (await Promise.all(found)).flat();
}

/** Names in a folder; none when it is a file, which a pattern may well have found on the way. */
async function listFolder(files: Pick<HostFiles, 'list'>, folder: string): Promise<readonly string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

const TOKEN = /\*+|\?|\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|([^*?[\\])/gsu;

/** The regular expression of one segment; undefined when Go would call it malformed. */
function segmentExpression(pattern: string): string | undefined {
  let expression = '';
  let position = 0;
  for (const match of pattern.matchAll(TOKEN)) {
    if (match.index !== position) return undefined;
    position += match[0].length;
    const [token, escaped, negation, characters, literal] = match;
    if (characters !== undefined) expression += `[${negation ?? ''}${classOf(characters)}]`;
    else if (escaped !== undefined) expression += RegExp.escape(escaped);
    else if (literal !== undefined) expression += RegExp.escape(literal);
    else expression += token === '?' ? '[^/]' : '[^/]*';
  }
  return position === pattern.length ? expression : undefined;
}

/** The inside of a character class: single characters and ranges, which may be escaped. */
function classOf(characters: string): string {
  return characters.replaceAll(/\\(.)/gsu, (_, escaped: string) => RegExp.escape(escaped));
}
