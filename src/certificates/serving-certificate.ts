import { dirname } from 'node:path';
import type { Clock } from './clock.ts';
import { type FilePair, readFilePair } from './file-pair.ts';
import { FolderWatch } from './folder-watch.ts';
import { checkServingPair, isWithinValidity, type ServingPair } from './serving-pair.ts';

/** What came of reading the two files, whenever that is news. */
export type ServingCertificateResult =
  /** A pair was taken into use, or the files hold the pair in use again after a failure. */
  | { readonly kind: 'loaded'; readonly pair: ServingPair }
  /** The files hold no usable pair; `kept` is the one that stays in use, undefined when there never was one. */
  | { readonly kind: 'failed'; readonly fault: string; readonly kept: ServingPair | undefined };

/** What {@link ServingCertificate.open} needs. */
export interface ServingCertificateOptions {
  /** Path of the PEM chain, the server's own certificate first. */
  readonly certificateFile: string;
  /** Path of the PEM private key. */
  readonly keyFile: string;
  readonly clock: Clock;
  /**
   * Called for the first reading too, before `open` resolves, then once for each new pair and each new failure: the
   * same files failing in the same way are news only once. Must not throw.
   */
  readonly onReload: (result: ServingCertificateResult) => void;
}

/** Bursts of events become one reading: Kubernetes needs four system calls for a swap, an editor a few more. */
const DEBOUNCE_MILLISECONDS = 100;
/** Safety net where no event came: inotify is out of watches, a file system without events, a link into another folder. */
const POLL_MILLISECONDS = 30_000;
/** While the files hold nothing usable, or are not there at all, look more often: somebody is waiting. */
const RETRY_MILLISECONDS = 2_000;

/**
 * A serving certificate read from two files and kept current: their folders are watched, a changed pair is taken into
 * use only after it passed {@link checkServingPair}, and a broken one leaves the last good pair in use.
 */
export class ServingCertificate implements AsyncDisposable {
  readonly #options: ServingCertificateOptions;
  readonly #folders: readonly FolderWatch[];
  #pair: ServingPair | undefined;
  /** State of the files that `#pair` came from. */
  #pairState: string | undefined;
  /** The failure that was told last; undefined while the files are good. */
  #failure: string | undefined;
  #cancelTimer: (() => void) | undefined;
  #isEventPending = false;
  #isClosed = false;
  #reading: Promise<void> = Promise.resolve();

  private constructor(options: ServingCertificateOptions) {
    this.#options = options;
    const folders = new Set([dirname(options.certificateFile), dirname(options.keyFile)]);
    this.#folders = [...folders].map(folder => new FolderWatch(folder, () => this.#noteEvent()));
  }

  /** Reads the files and begins to watch. Files that are missing or broken are a `failed` result, not an exception. */
  static async open(options: ServingCertificateOptions): Promise<ServingCertificate> {
    const certificate = new ServingCertificate(options);
    await certificate.reload();
    return certificate;
  }

  /** The pair in use: the last good one, even if it has expired; undefined until there was one. */
  current(): ServingPair | undefined {
    return this.#pair;
  }

  /** False without a pair, and when the pair in use is out of its validity. */
  isUsable(now: Date): boolean {
    return this.#pair !== undefined && isWithinValidity(this.#pair, now);
  }

  /** Reads the files now, after a reading that is under way. */
  async reload(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readOnce());
    await this.#reading;
  }

  /** Ends the watch and the timers; resolves when no reading is under way. No result is told afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const folder of this.#folders) folder.close();
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #readOnce(): Promise<void> {
    if (this.#isClosed) return;
    this.#cancelTimer?.();
    this.#isEventPending = false;
    // Watch first, read second: a change in between is an event.
    await Promise.all(this.#folders.map(folder => folder.renew()));
    const texts = await readFilePair(this.#options);
    if (this.#isClosed) return;
    this.#judge(texts);
    if (this.#isEventPending) return;
    this.#scheduleReload(this.#failure === undefined ? POLL_MILLISECONDS : RETRY_MILLISECONDS);
  }

  #judge(texts: FilePair): void {
    const { state } = texts;
    if (texts.kind === 'unreadable') {
      this.#fail(state, state);
      return;
    }
    if (state === this.#pairState) {
      if (this.#failure !== undefined && this.#pair !== undefined) this.#take(this.#pair, state);
      return;
    }
    const { certificate, key } = texts;
    const check = checkServingPair({ certificate, key, now: this.#options.clock.now() });
    if (check.kind === 'usable') this.#take(check.pair, state);
    else this.#fail(check.fault, `${state} ${check.fault}`);
  }

  #take(pair: ServingPair, state: string): void {
    this.#pair = pair;
    this.#pairState = state;
    this.#failure = undefined;
    this.#options.onReload({ kind: 'loaded', pair });
  }

  #fail(fault: string, failure: string): void {
    if (failure === this.#failure) return;
    this.#failure = failure;
    this.#options.onReload({ kind: 'failed', fault, kept: this.#pair });
  }

  /** The first event of a burst sets the time of the reading; later ones do not move it, so a busy folder cannot hold it off. */
  #noteEvent(): void {
    if (this.#isClosed || this.#isEventPending) return;
    this.#isEventPending = true;
    this.#scheduleReload(DEBOUNCE_MILLISECONDS);
  }

  #scheduleReload(delayMilliseconds: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.schedule(delayMilliseconds, () => void this.reload());
  }
}
