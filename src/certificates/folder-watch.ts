import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Tells of changes in one folder, which may come, go and be replaced. The folder and not a file in it is watched,
 * because Kubernetes swaps a link beside the files and never touches them. Whoever holds it calls `renew` before each
 * look at the files: a watch stays on the inode it was made on, whatever has its name now.
 */
export class FolderWatch {
  readonly #folder: string;
  readonly #onEvent: () => void;
  #watcher: FSWatcher | undefined;
  #identity: string | undefined;
  #isClosed = false;

  constructor(folder: string, onEvent: () => void) {
    this.#folder = folder;
    this.#onEvent = onEvent;
  }

  /** Makes sure that the folder which has the name now is watched, if it can be. */
  async renew(): Promise<void> {
    const identity = await readIdentity(this.#folder);
    if (this.#isClosed) return;
    if (this.#watcher !== undefined && identity === this.#identity) return;
    this.#end();
    if (identity === undefined) return;
    try {
      const watcher = watch(this.#folder, { persistent: false }, this.#onEvent);
      watcher.on('error', () => {
        if (this.#watcher === watcher) this.#end();
        this.#onEvent();
      });
      this.#watcher = watcher;
      this.#identity = identity;
    } catch {
      // No more inotify watches (ENOSPC), or the folder went away: whoever holds us polls, and asks again.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#identity = undefined;
  }
}

/** Device and inode of the folder that a path leads to; undefined when there is none. */
async function readIdentity(folder: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(folder, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
