import { dirname } from 'node:path/posix';
import { RELEASES_FOLDER } from '../host/host.ts';

/** A release as gVisor names it, `20260914.0`, or a build's own version, `v0.0.0-20260701204157-69c2d17aea96`. */
const RELEASE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/;
/** One that never changes once it is released; `latest` and `20260914` do. */
const POINT_RELEASE = /^\d{8}\.\d{1,4}$/;
const STAGING_NAME = /^\.(.+)\.(partial|download|removing)$/;

/** What a folder of ours is for while it is not a release: being filled, holding downloads, being removed. */
export type Staging = 'partial' | 'download' | 'removing';

/** True for a name that may be a release's, and so a folder's. */
export function isReleaseName(name: string): boolean {
  return RELEASE_NAME.test(name);
}

/** True for the name of a release whose content never changes. */
export function isPointRelease(name: string): boolean {
  return POINT_RELEASE.test(name);
}

/**
 * The folder of a release on the host.
 *
 * @throws {TypeError} when it is no release's name, as that could be any folder
 */
export function releaseFolder(release: string): string {
  if (!isReleaseName(release)) throw new TypeError(`A release has another name: current value is '${release}'`);
  return `${RELEASES_FOLDER}/${release}`;
}

/**
 * The folder that a release has on the way in or out; its name is none of a release.
 *
 * @throws {TypeError} when it is no release's name
 */
export function stagingFolder(release: string, staging: Staging): string {
  const folder = releaseFolder(release);
  return `${dirname(folder)}/.${release}.${staging}`;
}

/** What a name in the folder of the releases stands for, when it is one of {@link stagingFolder}. */
export function parseStagingName(name: string): { readonly release: string; readonly staging: Staging } | undefined {
  const [, release, staging] = STAGING_NAME.exec(name) ?? [];
  if (release === undefined || !isReleaseName(release)) return undefined;
  return staging === 'partial' || staging === 'download' || staging === 'removing' ? { release, staging } : undefined;
}
