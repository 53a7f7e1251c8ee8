import type { ConfigurationChange, HandlerEntry } from '../containerd/configuration.ts';
import { foreignHandlers } from '../containerd/foreign-handlers.ts';
import { planConfiguration } from '../containerd/plan-configuration.ts';
import { cgroupDriverOf } from '../host/cgroup-driver.ts';
import type { CgroupDriver, Host } from '../host/host.ts';
import { preflight } from '../host/preflight.ts';
import { PROGRAMS } from '../payload/parts.ts';
import { releaseFolder } from '../payload/release-folder.ts';
import type { Refusal } from '../reason.ts';
import { runscConfiguration } from '../runsc/runsc-configuration.ts';
import { digestOf } from './change-start.ts';
import { restartedBefore, unloadedHandlers } from './load-handlers.ts';
import type { HostRecord } from './record.ts';

/** The shim's name in a release. */
const [, SHIM] = PROGRAMS;

/** A handler that the policy wants on the node. */
export interface HandlerRequest {
  readonly name: string;
  /** runsc flags without dashes, as in the policy's profile. */
  readonly flags: Readonly<Record<string, string>>;
  /** Patterns of annotations that containerd passes on to runsc. */
  readonly podAnnotations: readonly string[];
}

/** What somebody wants on the host. */
export interface InstallRequest {
  /** Name of the gVisor release, such as `20260914.0`. */
  readonly release: string;
  /** Bytes that the payload needs on the disk. */
  readonly payloadBytes: number;
  readonly handlers: readonly HandlerRequest[];
  /** Overrides what the host's files say. */
  readonly cgroupDriver: CgroupDriver | undefined;
  /** Tries a configuration again that was rolled back. */
  readonly retry: boolean;
}

/** A runsc.toml that has to be there. */
export interface RunscFile {
  readonly path: string;
  readonly text: string;
}

/** What an install will do; a value, made without touching anything. */
export interface InstallPlan {
  /** Not empty: nothing will be done. */
  readonly refusals: readonly Refusal[];
  /** Handlers that others set up with gVisor's runtime type: they are used as they are. */
  readonly adopted: readonly string[];
  readonly release: string;
  readonly cgroupDriver: CgroupDriver | undefined;
  /** What containerd is told; empty when every handler is adopted. */
  readonly entries: readonly HandlerEntry[];
  readonly runscFiles: readonly RunscFile[];
  /** Undefined when the configuration is as it should be: then nothing is restarted. */
  readonly change: ConfigurationChange | undefined;
  /**
   * Handlers that are in the configuration already and that CRI has not loaded: the container runtime is restarted for
   * them, though no file changes.
   */
  readonly unloaded: readonly string[];
  /** What a person should know, in sentences without a full stop. */
  readonly notes: readonly string[];
}

/** Plans an install: a pure function of the host, the record and the request. */
export function planInstall(host: Host, record: HostRecord, request: InstallRequest): InstallPlan {
  const isThere = record.releases.includes(request.release);
  const cgroupDriver = cgroupDriverOf(host, request.cgroupDriver);
  const names = request.handlers.map(({ name }) => name);
  const owners = foreignHandlers(host.dump, host.configuration, names);
  const adopted = owners.filter(({ isOfGvisor }) => isOfGvisor).map(({ name }) => name);
  const own = request.handlers.filter(({ name }) => !adopted.includes(name));
  const prepared =
    cgroupDriver === undefined ? [] : own.map(handler => prepareHandler(handler, request.release, cgroupDriver));
  const plan: InstallPlan = {
    refusals: preflight(host, { ...request, payloadBytes: isThere ? 0 : request.payloadBytes }),
    adopted,
    release: request.release,
    cgroupDriver,
    entries: prepared.map(({ entry }) => entry),
    runscFiles: prepared.map(({ file }) => file),
    change: undefined,
    unloaded: [],
    notes: notesOf(host),
  };
  return plan.refusals.length > 0 || own.length === 0 ? plan : withChange(plan, host, record, request);
}

function prepareHandler(
  { name, flags, podAnnotations }: HandlerRequest,
  release: string,
  cgroupDriver: CgroupDriver,
): { readonly entry: HandlerEntry; readonly file: RunscFile } {
  const folder = releaseFolder(release);
  const { fileName, text } = runscConfiguration({ handler: name, releaseFolder: folder, flags, cgroupDriver });
  const file = { path: `${folder}/${fileName}`, text };
  return { file, entry: { name, runtimePath: `${folder}/${SHIM}`, configPath: file.path, podAnnotations } };
}

function withChange(plan: InstallPlan, host: Host, record: HostRecord, request: InstallRequest): InstallPlan {
  const change = planConfiguration({ ...host, entries: plan.entries });
  if (change === undefined) {
    const unloaded = unloadedHandlers(host, plan.entries);
    const refusals = request.retry || unloaded.length === 0 ? [] : restartedBefore(host, record, unloaded);
    return { ...plan, unloaded, refusals };
  }
  if ('reason' in change) return { ...plan, refusals: [change] };
  const digest = digestOf(change, host);
  const tried = request.retry ? undefined : record.rolledBack.find(other => other.digest === digest);
  if (tried !== undefined) return { ...plan, refusals: [rolledBackBefore(change.path, tried.reason)] };
  return { ...plan, change };
}

function rolledBackBefore(path: string, reason: string): Refusal {
  return {
    reason: 'RolledBackBefore',
    sentence: `this very change of ${path} was rolled back before: ${reason}`,
    hint: 'Find out why first; --retry tries it again',
  };
}

function notesOf({ layout }: Host): readonly string[] {
  return layout.tried ? [] : [`layout ${layout.name} was not tried on a real node yet`];
}
