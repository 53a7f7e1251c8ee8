import { RELEASES_FOLDER } from '../host/host.ts';
import { removeRelease } from '../payload/remove-release.ts';
import type { ChangeContext } from './context.ts';
import { type HostRecord, writeRecord } from './record.ts';
import { readSandboxes } from './sandboxes.ts';

/** What was collected. */
export interface Collection {
  readonly record: HostRecord;
  /** Names of the releases that went. */
  readonly collected: readonly string[];
}

/**
 * Removes the releases that neither our entry nor any sandbox names: a sandbox keeps the ConfigPath that it was started
 * with, and needs its own release until it is gone.
 *
 * @param socket of CRI, a path of the host
 */
export async function collectReleases(context: ChangeContext, record: HostRecord, socket: string): Promise<Collection> {
  const candidates = record.releases.filter(release => release !== record.entry?.release);
  if (candidates.length === 0) return { record, collected: [] };
  const sandboxes = await readSandboxes(context, socket);
  const unused = candidates.filter(
    release => !sandboxes.some(({ details }) => details?.configPath?.startsWith(`${RELEASES_FOLDER}/${release}/`)),
  );
  return { record: await removeReleases(context, record, unused), collected: unused };
}

/** Removes releases from the host and from the record. What others put beside them stays, and is told. */
export async function removeReleases(
  { files, report }: ChangeContext,
  record: HostRecord,
  releases: readonly string[],
): Promise<HostRecord> {
  let current = record;
  for (const release of releases) {
    report(`removing release ${release}`);
    const { foreign } = await removeRelease(files, release);
    for (const path of foreign) report(`${path} is not ours, and stays`);
    current = { ...current, releases: current.releases.filter(other => other !== release) };
    await writeRecord(files, current);
  }
  return current;
}
