/**
 * The files room: reading and writing whole files. A reader of what is written here sees the old file or the new one,
 * never half of one; what cannot be read is a `UserError` that names the file.
 */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/**
 * Writes a file whole or not at all: a temporary file beside it, flushed to disk, then renamed over it.
 *
 * @param mode permissions of the file; the temporary one never has more
 * @throws {Error} the system's own error; nothing is left behind then
 */
export async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
