import type { HostFiles } from '../host/host-files.ts';
import type { Systemd } from '../systemd/systemd.ts';
import type { LayoutFacts } from './detect-layout.ts';
import { KNOWN_UNITS, LAYOUT_FILES } from './known-units.ts';
import { OS_RELEASE_FILES, parseOsRelease } from './os-release.ts';

/** Asks the host for everything that `detectLayout()` looks at. @throws {NodeError} SystemdUnreachable */
export async function readLayoutFacts(
  files: Pick<HostFiles, 'read' | 'status'>,
  systemd: Pick<Systemd, 'unit'>,
): Promise<LayoutFacts> {
  const units = await Promise.all(KNOWN_UNITS.map(async ({ unit }) => [unit, await systemd.unit(unit)] as const));
  const found = await Promise.all(
    LAYOUT_FILES.map(async path => ((await files.status(path)) === undefined ? [] : [path])),
  );
  return { units: new Map(units), osRelease: await readOsRelease(files), files: found.flat() };
}

async function readOsRelease(files: Pick<HostFiles, 'read'>): Promise<ReadonlyMap<string, string>> {
  for (const path of OS_RELEASE_FILES) {
    const bytes = await files.read(path);
    if (bytes !== undefined) return parseOsRelease(bytes.toString('utf8'));
  }
  return new Map();
}
