import { lstat } from 'node:fs/promises';
import { join } from 'node:path/posix';
import { systemErrorCode } from '../../errors/user-error.ts';
import type { HostFiles } from '../host/host-files.ts';
import { describeDifference } from './describe-difference.ts';
import type { WatchedFile } from './step-report.ts';

/** Files as a watch of drift looks at them. */
export interface FileLook {
  /** Differs when a file was replaced, written or given other attributes; undefined when nothing is there. */
  readonly fingerprint: (path: string) => Promise<string | undefined>;
  readonly read: (path: string) => Promise<Buffer | undefined>;
}

/**
 * Looks at files of the host by what the file system says of them, which costs a system call or two and no reading.
 *
 * @param root the folder here in which the host's root is, as the host files were opened on
 */
export function openFileLook(files: Pick<HostFiles, 'resolve' | 'read'>, root: string): FileLook {
  return {
    fingerprint: async path => {
      try {
        const { dev, ino, size, mode, uid, gid, mtimeNs, ctimeNs } = await lstat(
          join(root, await files.resolve(path)),
          {
            bigint: true,
          },
        );
        return [dev, ino, size, mode, uid, gid, mtimeNs, ctimeNs].join(' ');
      } catch (error) {
        const code = systemErrorCode(error) ?? '';
        return ['ENOENT', 'ENOTDIR'].includes(code) ? undefined : `unreadable: ${code}`;
      }
    },
    read: async path => await files.read(path).catch(() => undefined),
  };
}

interface Baseline extends WatchedFile {
  /** Of a text, once it was read. */
  readonly content: Buffer | undefined;
}

/**
 * Tells when files of ours are changed by somebody else, without a call to anybody: the file system is asked, and only
 * a text of which it says something new is read. Each change is told once.
 */
export class DriftWatch {
  readonly #look: FileLook;
  #baselines: readonly Baseline[] = [];

  constructor(look: FileLook) {
    this.#look = look;
  }

  /** From now on these files, as they were when their fingerprints were taken. */
  watch(files: readonly WatchedFile[]): void {
    this.#baselines = files.map(file => ({ ...file, content: undefined }));
  }

  /** What changed since the last poll, one sentence a file without a full stop. */
  async poll(): Promise<readonly string[]> {
    const before = this.#baselines;
    const looked = await Promise.all(before.map(async baseline => await this.#compare(baseline)));
    // Files that were named meanwhile are those to go on with.
    if (this.#baselines === before) this.#baselines = looked.map(({ baseline }) => baseline);
    return looked.flatMap(({ change }) => (change === undefined ? [] : [change]));
  }

  async #compare(baseline: Baseline): Promise<{ readonly baseline: Baseline; readonly change: string | undefined }> {
    const { path, isText, content } = baseline;
    const fingerprint = await this.#look.fingerprint(path);
    const isSame = fingerprint === baseline.fingerprint;
    const isUnread = isText && content === undefined && fingerprint !== undefined;
    if (isSame && !isUnread) return { baseline, change: undefined };
    const now = isText ? await this.#look.read(path) : undefined;
    const next: Baseline = { path, isText, content: now, ...(fingerprint !== undefined && { fingerprint }) };
    if (isSame || (isText && now !== undefined && content?.equals(now) === true))
      return { baseline: next, change: undefined };
    if (fingerprint === undefined) return { baseline: next, change: `${path} is gone` };
    if (!isText || now === undefined) return { baseline: next, change: `${path} is another one than before` };
    const difference = content === undefined ? 'was changed' : describeDifference(content.toString(), now.toString());
    return { baseline: next, change: `${path} ${difference}` };
  }
}
