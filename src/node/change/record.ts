import * as v from 'valibot';
import { STATE_FOLDER } from '../host/host.ts';
import type { HostFiles } from '../host/host-files.ts';
import { replaceFile } from '../host/replace-file.ts';
import { NodeError } from '../node-error.ts';

/** Where the record is. */
export const RECORD_FILE = `${STATE_FOLDER}/record.json`;
const RECORD_VERSION = 1;
const RECORD_MODE = 0o600;

const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const path = v.pipe(v.string(), v.startsWith('/'));

/** A file before or after a change; null when it is not there. */
const ImageSchema = v.nullable(v.object({ sha256, mode: v.number(), uid: v.number(), gid: v.number() }));

const EntrySchema = v.object({
  /** The configuration file that carries our entry. */
  path,
  /** Of our bytes in it: the block, or the whole drop-in. */
  sha256,
  /** The file was not there before us. */
  created: v.boolean(),
  /** The handlers that it names. */
  handlers: v.array(v.string()),
  /** The release that it names. */
  release: v.string(),
});

const PendingChangeSchema = v.object({
  kind: v.picklist(['install', 'uninstall']),
  /** Of what is tried, so that it is not tried again once it was rolled back. */
  digest: sha256,
  path,
  before: ImageSchema,
  after: ImageSchema,
  /** What the record's entry becomes when the change holds. */
  entry: v.nullable(EntrySchema),
  /** Restarted after the change. */
  unit: v.string(),
  /** The socket of CRI. */
  socket: path,
  /** The handlers that must be loaded afterwards. */
  handlers: v.array(v.string()),
  /** Conditions of the runtime before the change, by type: those that held must hold again. */
  conditions: v.record(v.string(), v.boolean()),
  /** `passed` once the gate has said yes. */
  state: v.picklist(['planned', 'passed']),
});

const RecordSchema = v.object({
  version: v.literal(RECORD_VERSION),
  machineId: v.string(),
  entry: v.nullable(EntrySchema),
  /** Folders that we made, in the order of making; removed when they are empty. */
  folders: v.array(path),
  /** Releases whose folders we made, or were about to make. */
  releases: v.array(v.string()),
  /** Digests of changes that were rolled back, with the reason. */
  rolledBack: v.array(v.object({ digest: sha256, reason: v.string() })),
  change: v.nullable(PendingChangeSchema),
});

/** A file before or after a change; null when it is not there. */
export type FileImage = v.InferOutput<typeof ImageSchema>;

/** Our entry in the container runtime's configuration. */
export type RecordedEntry = v.InferOutput<typeof EntrySchema>;

/** A change of the configuration that was begun and has not ended. */
export type PendingChange = v.InferOutput<typeof PendingChangeSchema>;

/** What we did to this host, written before we do it. Only what it proves ours is ever removed. */
export type HostRecord = v.InferOutput<typeof RecordSchema>;

/** The record of a host that we have not touched. */
export function emptyRecord(machineId: string): HostRecord {
  return {
    version: RECORD_VERSION,
    machineId,
    entry: null,
    folders: [],
    releases: [],
    rolledBack: [],
    change: null,
  };
}

/** True when the record says nothing that anybody needs: what was rolled back, too, has to be known. */
export function isEmptyRecord({ entry, folders, releases, rolledBack, change }: HostRecord): boolean {
  return [folders, releases, rolledBack].every(list => list.length === 0) && entry === null && change === null;
}

/** The record of this host; undefined when there is none. @throws {NodeError} RecordInvalid */
export async function readRecord(files: HostFiles): Promise<HostRecord | undefined> {
  const bytes = await files.read(RECORD_FILE);
  if (bytes === undefined) return undefined;
  const result = v.safeParse(RecordSchema, parseJson(bytes.toString('utf8')));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new NodeError('NodeRefused', {
    reason: 'RecordInvalid',
    sentence: `${RECORD_FILE} is no record of this version: ${v.getDotPath(issue) ?? 'the whole file'} ${issue.message}`,
    hint: 'It is written whole or not at all, so somebody else changed it; restore it, or remove it and what it describes by hand',
  });
}

/** Writes the record, whole and flushed to disk. */
export async function writeRecord(files: HostFiles, record: HostRecord): Promise<void> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  await replaceFile(files, RECORD_FILE, text, { mode: RECORD_MODE, uid: 0, gid: 0 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
