import { dirname } from 'node:path/posix';
import type { ConfigurationChange } from '../containerd/configuration.ts';
import type { Host } from '../host/host.ts';
import { sha256Of } from '../host/sha256.ts';
import type { ChangeStart } from './apply-change.ts';
import type { ChangeContext } from './context.ts';
import { TIMER_FOLDER } from './dead-man.ts';
import { conditionsOf } from './gate.ts';
import { ensureFolder } from './host-folders.ts';
import type { HostRecord, PendingChange } from './record.ts';

/** What a change is for. */
export interface ChangePurpose {
  readonly kind: PendingChange['kind'];
  readonly host: Host;
  readonly record: HostRecord;
  readonly change: ConfigurationChange;
  /** The release that the entries name. */
  readonly release: string;
}

/** Of a change, so that one that was rolled back is known again: the file, its new content, and who reads it. */
export function digestOf({ path, after }: ConfigurationChange, { containerdVersion }: Host): string {
  return sha256Of(JSON.stringify([path, after ?? null, containerdVersion]));
}

/** Makes the folders that a change needs, and the start of it. */
export async function startOf(context: ChangeContext, purpose: ChangePurpose): Promise<ChangeStart> {
  const { kind, host, change, release } = purpose;
  const { path, before, after, attributes, sha256 } = change;
  let record = await ensureFolder(context.files, purpose.record, TIMER_FOLDER);
  if (after !== undefined) record = await ensureFolder(context.files, record, dirname(path));
  const handlers = change.entries.map(({ name }) => name);
  const created = record.entry?.path === path ? record.entry.created : before === undefined;
  return {
    record,
    original: before,
    content: after,
    change: {
      kind,
      digest: digestOf(change, host),
      path,
      before: before === undefined ? null : { ...attributes, sha256: sha256Of(before) },
      after: after === undefined ? null : { ...attributes, sha256: sha256Of(after) },
      entry: sha256 === undefined ? null : { path, sha256, created, handlers, release },
      unit: host.layout.unit,
      socket: host.layout.socket,
      handlers,
      conditions: { ...conditionsOf(host.runtime) },
      state: 'planned',
    },
  };
}
