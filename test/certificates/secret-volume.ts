import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssuedCertificate } from '../../src/certificates/authority.ts';

/** Writes a Secret volume as the kubelet does (kubernetes: pkg/volume/util/atomic_writer.go): one rename swaps all files. */
export function swapSecret(folder: string, version: string, { certificate, key }: IssuedCertificate): void {
  const versioned = `..2026_03_01_12_00_00.${version}`;
  mkdirSync(join(folder, versioned), { recursive: true });
  writeFileSync(join(folder, versioned, 'tls.crt'), certificate);
  writeFileSync(join(folder, versioned, 'tls.key'), key);
  symlinkSync(versioned, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  for (const name of ['tls.crt', 'tls.key']) {
    if (!existsSync(join(folder, name))) symlinkSync(join('..data', name), join(folder, name));
  }
}
