import {
  access,
  chmod,
  constants,
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises';
import { dirname } from 'node:path/posix';
import { systemErrorCode, UserError } from '../../errors/user-error.ts';
import type { FileAttributes, FileStatus, FileSystemFacts, HostFiles } from './host-files.ts';
import { findMount, mountIdOf } from './mount-information.ts';
import { isNothingThere, resolveBelow } from './path-resolution.ts';
import { systemError } from './system-error.ts';

/** So that a FIFO that somebody put in a file's place stops nobody. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;
/** Bits of a mode that are permissions. */
const PERMISSION_BITS = 0o7777;

/**
 * The files of the host whose root is a folder here: `/` on the host itself, a mount of it in a container, any folder
 * for a trial. Symbolic links are resolved within that folder. When it is not there, every call throws a
 * {@link UserError} FileUnreadable.
 */
export function openHostFiles(root: string): HostFiles {
  return new LocalHostFiles(root);
}

class LocalHostFiles implements HostFiles {
  readonly #root: Promise<string>;

  constructor(root: string) {
    this.#root = resolveRoot(root);
    // The first call on it says so; until then nobody waits for it.
    this.#root.catch(() => undefined);
  }

  async resolve(path: string): Promise<string> {
    return await resolveBelow(await this.#root, path, { followsLast: true });
  }

  async read(path: string): Promise<Buffer | undefined> {
    try {
      await using file = await this.#openFile(path);
      return await file.readFile();
    } catch (error) {
      if (isNothingThere(error)) return undefined;
      throw error;
    }
  }

  async *stream(path: string): AsyncIterable<Uint8Array> {
    await using file = await this.#openFile(path);
    yield* file.createReadStream({ autoClose: false });
  }

  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const found = await lstat(await this.#place(path));
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other';
      return { kind, mode: found.mode & PERMISSION_BITS, uid: found.uid, gid: found.gid, size: found.size };
    } catch (error) {
      if (isNothingThere(error)) return undefined;
      throw error;
    }
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      return (await readdir(await this.#target(path))).toSorted();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async readLink(path: string): Promise<string> {
    return await readlink(await this.#place(path));
  }

  async fileSystem(path: string): Promise<FileSystemFacts> {
    await using folder = await this.#openNearestFolder(path);
    const descriptor = `/proc/self/fd/${folder.fd}`;
    const id = mountIdOf(await readFile(`/proc/self/fdinfo/${folder.fd}`, 'utf8'));
    const mount = findMount(await readFile('/proc/self/mountinfo', 'utf8'), id ?? '');
    if (mount === undefined) throw systemError('EINVAL', 'mountinfo', path);
    const { bavail, bsize } = await statfs(descriptor);
    return { freeBytes: bavail * bsize, ...mount };
  }

  async writable(folder: string): Promise<boolean> {
    try {
      await access(await this.#target(folder), constants.W_OK | constants.X_OK);
      return true;
    } catch (error) {
      if (isNothingThere(error) || ['EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '')) return false;
      throw error;
    }
  }

  async makeFolder(path: string, mode: number): Promise<boolean> {
    const place = await this.#place(path);
    try {
      await mkdir(place, mode);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST' || !(await this.#isFolder(path))) throw error;
      return false;
    }
    // The process's umask took bits away.
    if (((await stat(place)).mode & PERMISSION_BITS) !== mode) await chmod(place, mode);
    return true;
  }

  async createFile(
    path: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    attributes: FileAttributes,
  ): Promise<void> {
    const place = await this.#place(path);
    // Nobody else reads it before it has its owner and its content.
    const file = await open(place, CREATE_FLAGS, attributes.mode & 0o700);
    try {
      try {
        await setOwner(file, attributes);
        await file.writeFile(content);
        // After the owner and the content, as both take bits away.
        await file.chmod(attributes.mode);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      await unlink(place).catch(() => undefined);
      throw error;
    }
  }

  async makeLink(path: string, target: string): Promise<void> {
    await symlink(target, await this.#place(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(await this.#place(from), await this.#place(to));
  }

  async setAttributes(path: string, { mode, uid, gid }: FileAttributes): Promise<void> {
    const place = await this.#place(path);
    const found = await lstat(place);
    if (found.isSymbolicLink()) throw systemError('ELOOP', 'chmod', path);
    if (found.uid !== uid || found.gid !== gid) await lchown(place, uid, gid);
    await chmod(place, mode);
  }

  async removeFile(path: string): Promise<void> {
    await unlink(await this.#place(path)).catch(unlessNothingThere);
  }

  async removeFolder(path: string): Promise<void> {
    await rmdir(await this.#place(path)).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    });
  }

  async syncFolder(path: string): Promise<void> {
    await using folder = await open(await this.#target(path), FOLDER_FLAGS);
    await folder.sync();
  }

  /** Where a path is here, with a link at its end left alone. */
  async #place(path: string): Promise<string> {
    const root = await this.#root;
    return root + (await resolveBelow(root, path, { followsLast: false }));
  }

  /** Where a path is here, with all links followed. */
  async #target(path: string): Promise<string> {
    return (await this.#root) + (await this.resolve(path));
  }

  async #isFolder(path: string): Promise<boolean> {
    return (await stat(await this.#target(path))).isDirectory();
  }

  async #openFile(path: string): Promise<FileHandle> {
    const file = await open(await this.#target(path), READ_FLAGS);
    const found = await file.stat();
    if (found.isFile()) return file;
    await file.close();
    throw systemError(found.isDirectory() ? 'EISDIR' : 'EINVAL', 'read', path);
  }

  async #openNearestFolder(path: string): Promise<FileHandle> {
    const root = await this.#root;
    let folder = await this.resolve(path);
    for (;;) {
      try {
        return await open(`${root}${folder}`, FOLDER_FLAGS);
      } catch (error) {
        if (!isNothingThere(error) || folder === '/') throw error;
        folder = dirname(folder);
      }
    }
  }
}

async function resolveRoot(root: string): Promise<string> {
  try {
    // Not its real path: the link `/proc/PID/root` reads as `/`, and leads to another root.
    await access(root);
    return root.replace(/\/+$/, '');
  } catch (cause) {
    // Not the system's error: that would say that nothing is there, of every path.
    throw new UserError('FileUnreadable', `Cannot read the root of the host '${root}': ${systemErrorCode(cause)}`, {
      hint: 'Name the folder in which the root file system of the host is mounted',
      cause,
    });
  }
}

/** chown needs a capability, so it is left out where it changes nothing. */
async function setOwner(file: FileHandle, { uid, gid }: FileAttributes): Promise<void> {
  const made = await file.stat();
  if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid);
}

function unlessNothingThere(error: unknown): void {
  if (!isNothingThere(error)) throw error;
}
