import type { HostFiles } from '../host/host-files.ts';
import { sha256Of } from '../host/sha256.ts';
import type { FileImage } from './record.ts';

/** What a file is now; null when it is not there. The path has no symbolic link at its end. */
export async function imageOf(files: HostFiles, path: string): Promise<FileImage> {
  const bytes = await files.read(path);
  const status = await files.status(path);
  if (bytes === undefined || status === undefined) return null;
  const { mode, uid, gid } = status;
  return { sha256: sha256Of(bytes), mode, uid, gid };
}

/** True when both have the same bytes, or neither is there. Owner and mode do not count: they are not what we change. */
export function isSameImage(image: FileImage, other: FileImage): boolean {
  return image?.sha256 === other?.sha256;
}
