import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { packTar, type TarHeader } from 'modern-tar';
import { ARCHIVE_NAME, type Architecture, type PayloadPin } from '../../src/node/payload/payload.ts';

export const RELEASE = '20260914.0';

const MACHINES = { x86_64: 62, aarch64: 183 } as const;

/** The header of an ELF program of 64 bits, and something after it. */
export function elfProgram(body: string, architecture: Architecture = 'x86_64'): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(MACHINES[architecture], 18);
  return Buffer.concat([header, Buffer.from(body)]);
}

/** Parts of a release by name. */
export type Parts = Readonly<Record<string, Buffer>>;

/** Every part of a current release, as small programs. */
export function currentParts(architecture: Architecture = 'x86_64', release = RELEASE): Parts {
  const names = [
    'runsc',
    'containerd-shim-runsc-v1',
    'gvisor-bin/gvisor_sentry',
    'gvisor-bin/gvisor-sentry-prewarmer',
    'gvisor-bin/checkpointgofer',
    'gvisor-bin/runsc-fd-parking',
    'gvisor-bin/runsc-metric-server',
  ];
  return Object.fromEntries(names.map(name => [name, elfProgram(`${name} of ${release}`, architecture)]));
}

/** The two programs of an older release. */
export function looseParts(): Parts {
  return { runsc: elfProgram('old runsc'), 'containerd-shim-runsc-v1': elfProgram('old shim') };
}

/** One entry of an archive. */
export interface ArchiveEntry {
  readonly header: Partial<TarHeader> & { readonly name: string };
  readonly body?: Buffer;
}

/** Parts as entries of an archive, with the folder of the sidecars. */
export function entriesOf(parts: Parts): ArchiveEntry[] {
  const files = Object.entries(parts).map(([name, body]) => ({ header: { name, mode: 0o755 }, body }));
  const folder: ArchiveEntry = { header: { name: 'gvisor-bin/', type: 'directory' } };
  return 'gvisor-bin/gvisor_sentry' in parts ? [folder, ...files] : files;
}

/** A tar of entries. Times are fixed, so the same entries are the same bytes. */
export async function tarOf(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  const complete = entries.map(({ header, body }) => ({
    header: { mtime: new Date(0), size: body?.length ?? 0, ...header },
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  }));
  return Buffer.from(await packTar(complete));
}

/** A `gvisor.tar.zstd` of entries. */
export async function archiveOf(entries: readonly ArchiveEntry[]): Promise<Buffer> {
  return zstdCompressSync(await tarOf(entries));
}

/** SHA-512 in hexadecimal digits. */
export function sha512(content: Buffer): string {
  return createHash('sha512').update(content).digest('hex');
}

/** The pin of an archive. */
export function archivePin(archive: Buffer, overrides: Partial<PayloadPin> = {}): PayloadPin {
  return { release: RELEASE, architecture: 'x86_64', sums: new Map([[ARCHIVE_NAME, sha512(archive)]]), ...overrides };
}

/** The pin of parts. */
export function partsPin(parts: Parts, overrides: Partial<PayloadPin> = {}): PayloadPin {
  const sums = new Map(Object.entries(parts).map(([name, body]) => [name, sha512(body)]));
  return { release: RELEASE, architecture: 'x86_64', sums, ...overrides };
}

/** Writes parts below a folder. */
export function writeFolder(folder: string, parts: Parts): void {
  for (const [name, body] of Object.entries(parts)) {
    mkdirSync(dirname(`${folder}/${name}`), { recursive: true });
    writeFileSync(`${folder}/${name}`, body);
  }
}
