import { dirname } from 'node:path/posix';
import { replaceFile } from '../host/replace-file.ts';
import { sha256Of } from '../host/sha256.ts';
import { NodeError } from '../node-error.ts';
import type { ChangeContext } from './context.ts';
import { ORIGINAL_FILE, rollBackNow } from './dead-man.ts';
import { imageOf, isSameImage } from './file-image.ts';
import type { PendingChange } from './record.ts';

/**
 * Puts the former file back and restarts the container runtime: by the timer's own service, or by ourselves where that
 * did not.
 *
 * @returns `edited` when the file is neither what it was nor what we wrote: somebody else changed it, and it is left so
 * @throws {NodeError} StorageFailed, or the system's own error, when the file could not be put back; the timer then goes
 *   on to try
 */
export async function putBack(context: ChangeContext, change: PendingChange): Promise<'back' | 'edited'> {
  const { files, systemd } = context;
  await rollBackNow(context);
  const image = await imageOf(files, change.path);
  if (isSameImage(image, change.before)) {
    // Its restart is queued; to start what is being restarted is to wait for its end.
    await systemd.start(change.unit);
    return 'back';
  }
  if (!isSameImage(image, change.after)) return 'edited';
  await restore(context, change);
  await systemd.resetFailed(change.unit);
  await systemd.restart(change.unit);
  return 'back';
}

async function restore({ files }: ChangeContext, { path, before }: PendingChange): Promise<void> {
  if (before === null) {
    await files.removeFile(path);
    await files.syncFolder(dirname(path));
    return;
  }
  const original = await files.read(ORIGINAL_FILE);
  if (original === undefined || sha256Of(original) !== before.sha256) {
    throw new NodeError('NodeFailed', {
      reason: 'StorageFailed',
      sentence: `${path} cannot be put back: ${ORIGINAL_FILE} ${original === undefined ? 'is gone' : 'was changed'}`,
      hint: `Take our lines out of ${path} by hand, and restart the container runtime`,
    });
  }
  await replaceFile(files, path, original, before);
}
