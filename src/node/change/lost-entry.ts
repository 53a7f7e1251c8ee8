import { basename } from 'node:path/posix';
import { DROP_IN_NAME } from '../containerd/configuration.ts';
import {
  inspectConfiguration,
  linesOf,
  ownDigest,
  ownFiles,
  ownHandlerNames,
} from '../containerd/inspect-configuration.ts';
import { type Host, RELEASES_FOLDER } from '../host/host.ts';
import type { Refusal } from '../reason.ts';
import type { HostRecord, RecordedEntry } from './record.ts';

/** Lines of ours that the record does not know of: it was lost, or came back from an older copy. */
export interface LostEntry {
  /** What the record would say of them. */
  readonly entry: RecordedEntry;
  /** Why nothing is removed while it does not. */
  readonly refusal: Refusal;
}

/** Finds lines of ours where the record says that there are none. Undefined when that is true. */
export function findLostEntry({ configuration, layout }: Host, record: HostRecord): LostEntry | undefined {
  const inspected = inspectConfiguration(configuration);
  const [own] = record.entry === null ? ownFiles(inspected, layout) : [];
  const sha256 = own === undefined ? undefined : ownDigest(own.file.text);
  if (own === undefined || sha256 === undefined) return undefined;
  const { path } = own.file;
  const created = basename(path) === DROP_IN_NAME;
  const handlers = [...ownHandlerNames(inspected)];
  return {
    entry: { path, sha256, created, handlers, release: releaseIn(own.file.text) },
    refusal: {
      reason: 'EntryChanged',
      sentence: `lines ${linesOf(own.block)} of ${path} are marked as ours, and the record of this host names none`,
      hint: 'Run install, which takes them over, and then uninstall; or take them out by hand',
    },
  };
}

/** The record with lines of ours that it did not know of, and the release that they name. */
export function withLostEntry(host: Host, record: HostRecord): HostRecord {
  const entry = findLostEntry(host, record)?.entry;
  if (entry === undefined) return record;
  const isKnown = entry.release === '' || record.releases.includes(entry.release);
  return { ...record, entry, releases: isKnown ? record.releases : [...record.releases, entry.release] };
}

/** The release that a path in a text is of; empty when there is none. */
function releaseIn(text: string): string {
  const [, rest = ''] = text.split(`${RELEASES_FOLDER}/`);
  return /^[A-Za-z0-9][A-Za-z0-9._+-]*(?=\/)/.exec(rest)?.[0] ?? '';
}
