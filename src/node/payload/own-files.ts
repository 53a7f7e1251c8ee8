import { basename } from 'node:path/posix';
import type { HostFiles } from '../host/host-files.ts';
import { temporaryPathOf } from '../host/replace-file.ts';
import { sha256Of } from '../host/sha256.ts';
import { KNOWN_PARTS, SIDECAR_FOLDER } from './parts.ts';
import { SUMS_NAME } from './payload.ts';
import { readReleaseRecord } from './release-record.ts';

/** A handler's runsc.toml, which is named by the sha256 of its content (runsc-configuration.ts). */
const CONFIGURATION_NAME = /^.+-([0-9a-f]{12})\.toml$/;

/** What is in a release's folder. Paths are relative to it. */
export interface FolderContent {
  /** Parts that the release's list names, or that are known anyway. */
  readonly parts: readonly string[];
  /** Handlers' configurations, and what an interrupted write of one left. */
  readonly configurations: readonly string[];
  /** Nothing that we put there. */
  readonly foreign: readonly string[];
}

/** Looks into the folder of a release, or one that was its folder. */
export async function readFolderContent(files: HostFiles, folder: string): Promise<FolderContent> {
  const record = await readReleaseRecord(files, folder);
  const ours = new Set<string>([...KNOWN_PARTS, ...(record?.parts.keys() ?? [])]);
  const parts: string[] = [];
  const configurations: string[] = [];
  const foreign: string[] = [];
  for (const name of await namesBelow(files, folder)) {
    const isFile = (await files.status(`${folder}/${name}`))?.kind === 'file';
    if (name === SUMS_NAME) continue;
    if (isFile && ours.has(name)) parts.push(name);
    else if (isFile && (await isOwnConfiguration(files, folder, name))) configurations.push(name);
    else foreign.push(name);
  }
  return { parts, configurations, foreign };
}

async function namesBelow(files: HostFiles, folder: string): Promise<readonly string[]> {
  const top = await files.list(folder);
  const hasSidecars = (await files.status(`${folder}/${SIDECAR_FOLDER}`))?.kind === 'folder';
  if (!hasSidecars) return top;
  const sidecars = await files.list(`${folder}/${SIDECAR_FOLDER}`);
  return [...top.filter(name => name !== SIDECAR_FOLDER), ...sidecars.map(name => `${SIDECAR_FOLDER}/${name}`)];
}

/** Its name says what its content was when we wrote it: changed, it is somebody's. */
async function isOwnConfiguration(files: HostFiles, folder: string, name: string): Promise<boolean> {
  if (name.includes('/')) return false;
  if (name === basename(temporaryPathOf(SUMS_NAME))) return true;
  const written = /^\.(.+\.toml)\.[a-z-]+$/.exec(name)?.[1];
  if (written !== undefined && CONFIGURATION_NAME.test(written)) return name === basename(temporaryPathOf(written));
  const digits = CONFIGURATION_NAME.exec(name)?.[1];
  if (digits === undefined) return false;
  return sha256Of((await files.read(`${folder}/${name}`)) ?? '').startsWith(digits);
}
