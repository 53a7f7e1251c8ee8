import type { HostFiles } from '../host/host-files.ts';
import { type Download, download } from './download.ts';
import { mirrorAddress } from './mirror-address.ts';
import { PROGRAMS } from './parts.ts';
import { ARCHIVE_NAME, type PayloadLimits, type PayloadMirror, type PayloadPin } from './payload.ts';
import { checkTarget } from './storage-error.ts';
import { verified } from './verified.ts';

/** Where downloads go: nobody runs them, and nobody but us reads them. */
const DOWNLOAD_ATTRIBUTES = { mode: 0o600, uid: 0, gid: 0 } as const;

/** What is fetched, and where to. */
export interface FetchOptions {
  readonly mirror: PayloadMirror;
  readonly pin: PayloadPin;
  readonly limits: PayloadLimits;
  /** An empty folder of the host. */
  readonly folder: string;
}

/**
 * Downloads what the pin names into a folder of the host: the archive, or the loose programs of an older release. A
 * file is there only when its sum was right, so nothing is unpacked that was not pinned.
 *
 * @throws {NodeError}
 */
export async function fetchFromMirror(files: HostFiles, options: FetchOptions): Promise<void> {
  const { mirror, pin, limits } = options;
  const names = pin.sums.has(ARCHIVE_NAME) ? [ARCHIVE_NAME] : PROGRAMS;
  for (const name of names) {
    const url = mirrorAddress(mirror.base, pin, name);
    // oxlint-disable-next-line no-await-in-loop
    await download(url, { ...mirror, limits }, async file => await keep(files, file, { ...options, name }));
  }
}

async function keep(
  files: HostFiles,
  { what, bytes, type, content }: Download,
  { pin, folder, name }: FetchOptions & { readonly name: string },
): Promise<void> {
  if (bytes !== undefined) await checkTarget(files, folder, bytes);
  const sha512 = pin.sums.get(name) ?? '';
  const remark = type === undefined ? {} : { remark: `as ${type}` };
  await files.createFile(`${folder}/${name}`, verified(content, { sha512, what, ...remark }), DOWNLOAD_ATTRIBUTES);
}
