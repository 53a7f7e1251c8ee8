import type { ContainerdConfiguration } from './configuration.ts';
import { handlersOf } from './dump.ts';
import { GVISOR_RUNTIME_TYPE } from './handler-tables.ts';
import { inspectConfiguration, ownHandlerNames } from './inspect-configuration.ts';

/** Whose handler of some name it is. */
export interface HandlerOwner {
  readonly name: string;
  readonly owner: 'nobody' | 'us' | 'others';
  /** Of a handler of others, such as `io.containerd.runc.v2`. */
  readonly runtimeType: string | undefined;
  /** A handler of others that starts gVisor's shim: it is used as it is. */
  readonly isOfGvisor: boolean;
}

/**
 * Says of each name whose handler it is: nobody's, ours, or one that others put there.
 *
 * @param dump what `containerd config dump` prints of the configuration
 */
export function foreignHandlers(
  dump: string,
  configuration: ContainerdConfiguration,
  names: readonly string[],
): readonly HandlerOwner[] {
  const handlers = handlersOf(dump);
  const own = ownHandlerNames(inspectConfiguration(configuration));
  return names.map(name => {
    const handler = handlers.get(name);
    if (own.includes(name)) return { name, owner: 'us', runtimeType: undefined, isOfGvisor: false };
    if (handler === undefined) return { name, owner: 'nobody', runtimeType: undefined, isOfGvisor: false };
    const { runtimeType } = handler;
    return { name, owner: 'others', runtimeType, isOfGvisor: runtimeType === GVISOR_RUNTIME_TYPE };
  });
}
