import { machine } from 'node:os';
import { resolve } from 'node:path';
import { UserError } from '../errors/user-error.ts';
import { readText } from '../files/read-text.ts';
import type { PayloadSupply } from '../node/change/install.ts';
import type { HostFiles } from '../node/host/host-files.ts';
import { openHostFiles } from '../node/host/local-host-files.ts';
import { NodeError } from '../node/node-error.ts';
import { installPayload } from '../node/payload/install-payload.ts';
import { parseMirror } from '../node/payload/mirror-address.ts';
import { estimateBytes } from '../node/payload/open-source.ts';
import type { Architecture, PayloadPin, PayloadSource } from '../node/payload/payload.ts';
import { parsePin, readLocalPin } from '../node/payload/pin.ts';
import { type Flags, usageError } from './flags.ts';
import { IMAGE_PAYLOAD, type PAYLOAD_FLAGS } from './node-payload-flags.ts';

const BARE_SUM = /^[0-9A-Fa-f]{128}$/;

/** A payload that a person named. */
export interface NamedPayload extends PayloadSupply {
  /** Bytes that it needs on the disk, about. */
  readonly bytes: number;
}

/**
 * The payload that the flags name; nothing is downloaded or unpacked yet.
 *
 * @throws {UserError} BadUsage, FileUnreadable
 * @throws {NodeError} ArchitectureUnsupported, PayloadUnavailable, PayloadInvalid
 */
export async function openPayload(command: string, flags: Flags<typeof PAYLOAD_FLAGS>): Promise<NamedPayload> {
  const here = openHostFiles('/');
  const { source, release } =
    flags.payload === undefined
      ? await imagePayload(command, here, flags.release)
      : { source: await sourceOf(here, flags.payload, flags['mirror-ca']), release: flags.release };
  if (release === undefined) throw usageError(command, '--payload needs --release, which names the folder on the host');
  const pin = await pinOf(source, { release, architecture: hostArchitecture(), sum: flags.sha512 });
  return {
    release,
    bytes: await estimateBytes(source),
    install: async files => (await installPayload(files, { source, pin })).outcome,
  };
}

async function imagePayload(command: string, files: HostFiles, wanted: string | undefined) {
  const releases = await files.list(IMAGE_PAYLOAD);
  const [only] = releases;
  const release = wanted ?? (releases.length === 1 ? only : undefined);
  if (release !== undefined && releases.includes(release)) {
    return { source: { kind: 'folder', files, path: `${IMAGE_PAYLOAD}/${release}` } as const, release };
  }
  throw usageError(
    command,
    releases.length === 0 ? `There is no payload in ${IMAGE_PAYLOAD}` : `${IMAGE_PAYLOAD} has ${releases.join(', ')}`,
    releases.length === 0
      ? 'Name the payload with --payload'
      : 'Name one of these with --release, or another payload with --payload',
  );
}

async function sourceOf(
  files: HostFiles,
  payload: string,
  mirrorAuthority: string | undefined,
): Promise<PayloadSource> {
  if (/^[a-z]+:\/\//i.test(payload)) {
    const hint = 'Name a readable PEM file with --mirror-ca';
    const authority =
      mirrorAuthority === undefined
        ? undefined
        : await readText(mirrorAuthority, { what: "the mirror's authority", hint });
    return { kind: 'mirror', base: parseMirror(payload), authority, clock: { schedule } };
  }
  const path = resolve(payload);
  const kind = (await files.status(await files.resolve(path)))?.kind;
  if (kind === 'folder') return { kind, files, path };
  if (kind === 'file') return { kind: 'archive', files, path };
  throw new UserError('FileUnreadable', `There is no payload at '${path}'`, {
    hint: "Name a release's folder, its archive, or the https URL of a mirror with --payload",
  });
}

function schedule(delayMilliseconds: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMilliseconds);
  return () => clearTimeout(timer);
}

async function pinOf(
  source: PayloadSource,
  {
    release,
    architecture,
    sum,
  }: { readonly release: string; readonly architecture: Architecture; readonly sum: string | undefined },
): Promise<PayloadPin> {
  if (sum === undefined) return await readLocalPin(source, { release, architecture });
  if (BARE_SUM.test(sum)) return parsePin({ release, architecture, text: sum, what: '--sha512' });
  const hint = 'Give 128 hexadecimal digits, or a file that sha512sum wrote, with --sha512';
  const text = await readText(sum, { what: 'the file of sums', hint });
  return parsePin({ release, architecture, text, what: `'${sum}'` });
}

function hostArchitecture(): Architecture {
  const found = machine();
  if (found === 'x86_64' || found === 'aarch64') return found;
  throw new NodeError('NodeRefused', {
    reason: 'ArchitectureUnsupported',
    sentence: `this machine's architecture is ${found}, and gVisor is built for x86_64 and aarch64`,
    hint: 'Keep sandboxes to nodes of these architectures',
  });
}
