import type { HostFiles } from '../host/host-files.ts';
import type { DownloadClock } from './patience.ts';

/**
 * The payload: one gVisor release for one architecture. It comes from a folder or an archive in our image, or from a
 * mirror; all of it is checked against its pin before anything is in its place on the host. A caller gets a
 * `NodeError`, and then the host has what it had before.
 */

/** A machine that gVisor is released for, as `uname -m` and the release bucket name it. */
export type Architecture = 'x86_64' | 'aarch64';

/** What a payload must be. */
export interface PayloadPin {
  /** Such as `20260914.0`; names the folder on the host. */
  readonly release: string;
  readonly architecture: Architecture;
  /**
   * SHA-512, as lower-case hexadecimal digits, by name: of `gvisor.tar.zstd` for an archive, of each part otherwise.
   * Both are allowed at once.
   */
  readonly sums: ReadonlyMap<string, string>;
}

/** Where a payload comes from. Folder and archive are local: what is given is the files of this machine, not the host's. */
export type PayloadSource =
  | { readonly kind: 'folder'; readonly files: HostFiles; readonly path: string }
  | { readonly kind: 'archive'; readonly files: HostFiles; readonly path: string }
  | PayloadMirror;

/** An https server with the layout of the release bucket: `BASE/release/RELEASE/ARCHITECTURE/FILE`. */
export interface PayloadMirror {
  readonly kind: 'mirror';
  readonly base: URL;
  /** Certificates in PEM that are trusted beside the system's own. */
  readonly authority: string | undefined;
  readonly clock: DownloadClock;
}

/** The most that is taken. */
export interface PayloadLimits {
  /** Bytes of one download. */
  readonly archiveBytes: number;
  /** Bytes of all that an archive unpacks to. */
  readonly unpackedBytes: number;
  /** How long a mirror may send nothing. */
  readonly stallSeconds: number;
  /** How long one download may take. */
  readonly deadlineSeconds: number;
}

/** 20261005.0 has 130 MB of archive and 328 MB of parts; the limits leave room, and still bound what a mirror can cost. */
export const PAYLOAD_LIMITS: PayloadLimits = {
  archiveBytes: 512 * 1024 * 1024,
  unpackedBytes: 2 * 1024 * 1024 * 1024,
  stallSeconds: 30,
  deadlineSeconds: 15 * 60,
};

/** The archive's name in the release bucket, and in a pin. */
export const ARCHIVE_NAME = 'gvisor.tar.zstd';
/** The list of a release's parts, in its folder. */
export const SUMS_NAME = 'SHA512SUMS';

/** Something that a source holds. The content has to be read, or skipped, before the next entry is asked for. */
export interface PayloadEntry {
  /** Relative to the release's folder. */
  readonly name: string;
  /** Why it is not wanted, as in `is a symbolic link`; undefined for a part. */
  readonly refusal: string | undefined;
  readonly content: AsyncIterable<Uint8Array>;
}

/** A source that can be read more than once, from its beginning. */
export type PayloadReader = () => AsyncIterable<PayloadEntry>;

/** A part that was read to its end. */
export interface PartFacts {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha512: string;
}
