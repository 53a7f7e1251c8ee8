import type { Test } from 'tap';
import { type InstallResult, install } from '../../src/node/change/install.ts';
import type { InstallRequest } from '../../src/node/change/install-plan.ts';
import { modelPayload, ModelHost, type ModelOptions } from './change-host.ts';

/** Two releases. */
export const FIRST = '20260914.0';
export const SECOND = '20261005.0';

/** A request for the default handler. */
export function request(release: string, overrides: Partial<InstallRequest> = {}): InstallRequest {
  const handlers = [{ name: 'runsc', flags: { network: 'sandbox' }, podAnnotations: [] }];
  return { release, payloadBytes: 1, handlers, cgroupDriver: undefined, retry: false, ...overrides };
}

/** A model host that is removed after the test. */
export function modelHost(t: Test, options: ModelOptions = {}): ModelHost {
  const host = new ModelHost(options);
  t.teardown(() => host.remove());
  return host;
}

/** Installs a release without anything going wrong beside it. */
export async function installOn(
  host: ModelHost,
  release = FIRST,
  overrides: Partial<InstallRequest> = {},
): Promise<InstallResult> {
  return await install(host.context(), request(release, overrides), modelPayload(host, release));
}
