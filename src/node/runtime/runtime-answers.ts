import * as v from 'valibot';
import type { CgroupDriver } from '../host/host.ts';
import type { RuntimeSandbox, RuntimeStatus, SandboxDetails } from './container-runtime.ts';

const infoMap = v.record(v.string(), v.string());

/** The answer of the version service, without the `v` that containerd from 2.0 on writes. */
export const VersionAnswer = v.pipe(
  v.object({ version: v.pipe(v.string(), v.nonEmpty()) }),
  v.transform(({ version }) => version.replace(/^v(?=\d)/, '')),
);

/** `info.config` of Status: the configuration of the CRI plugin as JSON, of which we want the names of the handlers. */
const ConfigurationInfo = v.object({ containerd: v.object({ runtimes: v.record(v.string(), v.unknown()) }) });

/** The answer of Status. */
export const StatusAnswer = v.pipe(
  v.object({
    status: v.object({
      conditions: v.array(v.object({ type: v.string(), status: v.boolean(), reason: v.string(), message: v.string() })),
    }),
    info: infoMap,
    runtimeHandlers: v.array(v.object({ name: v.string() })),
  }),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }): RuntimeStatus => {
    const { status, runtimeHandlers, info } = value;
    // containerd below 2.0 fills no runtime_handlers, but tells its configuration (internal/cri/server/status.go).
    const handlers = runtimeHandlers.length > 0 ? runtimeHandlers.map(({ name }) => name) : configuredHandlers(info);
    if (handlers === undefined) {
      addIssue({ message: 'neither runtime_handlers nor info.config names the handlers' });
      return NEVER;
    }
    // containerd lists the default handler once more, with an empty name.
    return { conditions: status.conditions, handlers: handlers.filter(name => name !== '').toSorted() };
  }),
);

function configuredHandlers({ config }: Readonly<Record<string, string>>): readonly string[] | undefined {
  const parsed = v.safeParse(ConfigurationInfo, parseJson(config));
  return parsed.success ? Object.keys(parsed.output.containerd.runtimes) : undefined;
}

const CGROUP_DRIVERS: readonly CgroupDriver[] = ['systemd', 'cgroupfs'];

/** The answer of RuntimeConfig: the driver that kubelets are told, or undefined when the message names none. */
export const ConfigurationAnswer = v.pipe(
  v.object({ linux: v.nullable(v.object({ cgroupDriver: v.number() })) }),
  v.transform(({ linux }) => (linux === null ? undefined : CGROUP_DRIVERS[linux.cgroupDriver])),
);

/** SANDBOX_READY of CRI's PodSandboxState. */
const READY = 0;

/** The answer of ListPodSandbox. */
export const SandboxesAnswer = v.pipe(
  v.object({
    items: v.array(
      v.object({
        id: v.string(),
        metadata: v.nullable(v.object({ name: v.string(), namespace: v.string() })),
        state: v.number(),
        runtimeHandler: v.string(),
      }),
    ),
  }),
  v.transform(({ items }): readonly RuntimeSandbox[] =>
    items.map(({ id, metadata, state, runtimeHandler }) => ({
      id,
      namespace: metadata?.namespace ?? '',
      name: metadata?.name ?? '',
      handler: runtimeHandler,
      ready: state === READY,
    })),
  ),
);

/**
 * `info.info` of PodSandboxStatus (containerd: internal/cri/server/podsandbox/types/sandbox_info.go). A sandbox whose
 * container is gone has an empty type and no options.
 */
const SandboxInfo = v.object({
  pid: v.number(),
  runtimeType: v.string(),
  runtimeOptions: v.nullish(v.object({ config_path: v.exactOptional(v.string()) })),
});

/** The answer of PodSandboxStatus. */
export const SandboxAnswer = v.pipe(
  v.object({ info: infoMap }),
  v.transform(({ info }) => parseJson(info['info'])),
  SandboxInfo,
  v.transform(
    ({ pid, runtimeType, runtimeOptions }): SandboxDetails => ({
      runtimeType,
      configPath: runtimeOptions?.config_path,
      process: pid,
    }),
  ),
);

/** The answer of RunPodSandbox. */
export const StartAnswer = v.object({ podSandboxId: v.pipe(v.string(), v.nonEmpty()) });

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
