/** What a path of the host is. Symbolic links are not followed. */
export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Permission bits, such as 0o644. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
}

/** Owner and permissions of a file that is written. */
export interface FileAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The file system below a folder of the host. */
export interface FileSystemFacts {
  readonly freeBytes: number;
  readonly readOnly: boolean;
  readonly noExecution: boolean;
}

/**
 * The files of a host. Every path is absolute and as the host sees it, whatever folder the host's root is mounted on
 * here; symbolic links are followed within the host's root only. Every change of a host's files goes through these
 * calls, one system call or two each, so that a test can stop before any of them.
 *
 * Errors are the system's own (`ENOSPC`, `EROFS` …), never swallowed.
 */
export interface HostFiles {
  /** The path without symbolic links; parts that do not exist are kept as they are. `ELOOP` after 40 links. */
  resolve(path: string): Promise<string>;
  /** A file's bytes; undefined when nothing is there. Follows links. */
  read(path: string): Promise<Buffer | undefined>;
  /** A file's bytes in pieces, for files that memory should not hold; `ENOENT` when nothing is there. Follows links. */
  stream(path: string): AsyncIterable<Uint8Array>;
  /** What a path is; undefined when nothing is there. Does not follow a link at the end. */
  status(path: string): Promise<FileStatus | undefined>;
  /** Names in a folder, sorted by code units; empty when the folder is not there. Follows links. */
  list(path: string): Promise<readonly string[]>;
  /** The target of a symbolic link, as written. */
  readLink(path: string): Promise<string>;
  /** The file system that holds the path, or its nearest folder that exists. */
  fileSystem(path: string): Promise<FileSystemFacts>;
  /** True when this process may create files in the folder. */
  writable(folder: string): Promise<boolean>;

  /** Makes one folder with this mode; its parent exists. False when a folder, or a link to one, was there already. */
  makeFolder(path: string, mode: number): Promise<boolean>;
  /**
   * Makes a new file with this content, owner and mode, and flushes it to disk. `EEXIST` when something is there. After
   * an error it is gone again, as far as the system permits.
   */
  createFile(path: string, content: Uint8Array | AsyncIterable<Uint8Array>, attributes: FileAttributes): Promise<void>;
  /** Makes a symbolic link. */
  makeLink(path: string, target: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Sets owner (when it differs) and mode of a file or folder. Does not follow a link at the end. */
  setAttributes(path: string, attributes: FileAttributes): Promise<void>;
  /** Removes a file or a link; nothing there is no error. */
  removeFile(path: string): Promise<void>;
  /** Removes an empty folder; nothing there is no error. */
  removeFolder(path: string): Promise<void>;
  /** Flushes a folder's entries to disk. */
  syncFolder(path: string): Promise<void>;
}
