/** Where a release keeps its sidecars, beside `runsc` (gvisor: runsc/gvisorbinaries, `binDirName`). */
export const SIDECAR_FOLDER = 'gvisor-bin';
/** In every release, and all there is in those with loose files (the last is 20260817.0). */
export const PROGRAMS = ['runsc', 'containerd-shim-runsc-v1'] as const;
/**
 * In every release that has the folder. Later ones have more, and new ones may: what a release has beyond these is its
 * pin's to say.
 */
const REQUIRED_SIDECARS = ['gvisor_sentry', 'checkpointgofer', 'runsc-metric-server'] as const;
/** Beside those, in releases from August 2026 on (gvisor: runsc/gvisorbinaries). */
const LATER_SIDECARS = ['gvisor-sentry-prewarmer', 'runsc-fd-parking'] as const;
const SIDECAR_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/** All parts that are known by name, relative to a release's folder. */
export const KNOWN_PARTS: readonly string[] = [
  ...PROGRAMS,
  ...[...REQUIRED_SIDECARS, ...LATER_SIDECARS].map(name => `${SIDECAR_FOLDER}/${name}`),
];

/** True for a name, relative to a release's folder, that a program of a release may have. */
export function isPartName(name: string): boolean {
  if (PROGRAMS.some(program => program === name)) return true;
  const prefix = `${SIDECAR_FOLDER}/`;
  return name.startsWith(prefix) && SIDECAR_NAME.test(name.slice(prefix.length));
}

/** True for a name in the folder of sidecars. */
export function isSidecar(name: string): boolean {
  return name.startsWith(`${SIDECAR_FOLDER}/`);
}

/** The parts that a release with these ones lacks. */
export function missingParts(names: readonly string[]): readonly string[] {
  const sidecars = names.some(isSidecar) ? REQUIRED_SIDECARS.map(name => `${SIDECAR_FOLDER}/${name}`) : [];
  return [...PROGRAMS, ...sidecars].filter(name => !names.includes(name));
}
