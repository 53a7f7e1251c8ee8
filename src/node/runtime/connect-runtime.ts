import * as v from 'valibot';
import { PRODUCT } from '../../policy/keys.ts';
import { printable } from '../../policy/printable.ts';
import type { CgroupDriver } from '../host/host.ts';
import { NodeError } from '../node-error.ts';
import type { ContainerRuntime, SandboxRequest, SandboxStart } from './container-runtime.ts';
import {
  ConfigurationAnswer,
  SandboxAnswer,
  SandboxesAnswer,
  StartAnswer,
  StatusAnswer,
  VersionAnswer,
} from './runtime-answers.ts';
import { openRuntimeChannel, type RuntimeCall } from './runtime-channel.ts';
import { detailsOf, isNotFound, isRefusal, isUnimplemented, runtimeFailure } from './runtime-failure.ts';

/** How long calls may take, in milliseconds. */
export interface RuntimeTimeouts {
  /** Whatever only asks. */
  readonly question: number;
  /** Starting a sandbox: the node may have to pull its image first, for which kubelets wait two minutes too. */
  readonly start: number;
  /** Stopping or removing a sandbox. */
  readonly removal: number;
}

const TIMEOUTS: RuntimeTimeouts = { question: 10_000, start: 120_000, removal: 60_000 };

/** Where the container runtime listens. */
export interface RuntimeAddress {
  /** Absolute path of its Unix socket, as this process sees it; at most 107 bytes, which the kernel limits. */
  readonly socket: string;
  readonly timeouts?: RuntimeTimeouts;
}

/** Name and namespace of the sandboxes that we start ourselves. */
export const OWN_SANDBOX = { name: `${PRODUCT}-verify`, namespace: `${PRODUCT}-verify` } as const;

type Ask = <Answer>(call: RuntimeCall, request: object, schema: v.GenericSchema<unknown, Answer>) => Promise<Answer>;

/** A connection to the node's container runtime. Nothing is sent before the first question; to be closed. */
export function connectRuntime({ socket, timeouts = TIMEOUTS }: RuntimeAddress): ContainerRuntime {
  const channel = openRuntimeChannel(socket);
  const ask: Ask = async (call, request, schema) =>
    readAnswer(await channel.exchange({ call, request, timeoutMilliseconds: timeoutOf(call, timeouts) }), {
      call,
      socket,
      schema,
    });
  const guarded = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw runtimeFailure(error, socket);
    }
  };
  return {
    version: async () => await guarded(ask('Version', {}, VersionAnswer)),
    status: async () => await guarded(ask('Status', { verbose: true }, StatusAnswer)),
    cgroupDriver: async () => await guarded(cgroupDriver(ask)),
    sandboxes: async () => await guarded(ask('ListPodSandbox', {}, SandboxesAnswer)),
    sandbox: async id =>
      await guarded(unlessNotFound(ask('PodSandboxStatus', { podSandboxId: id, verbose: true }, SandboxAnswer))),
    startSandbox: async request => await guarded(startSandbox(ask, request)),
    removeSandbox: async id => await guarded(removeSandbox(ask, id)),
    close: () => channel.close(),
  };
}

function timeoutOf(call: RuntimeCall, { question, start, removal }: RuntimeTimeouts): number {
  if (call === 'RunPodSandbox') return start;
  return call === 'StopPodSandbox' || call === 'RemovePodSandbox' ? removal : question;
}

/** @throws {NodeError} ContainerdUnreachable when the answer is not of the form that CRI promises */
function readAnswer<Answer>(
  answer: unknown,
  {
    call,
    socket,
    schema,
  }: {
    readonly call: RuntimeCall;
    readonly socket: string;
    readonly schema: v.GenericSchema<unknown, Answer>;
  },
): Answer {
  const result = v.safeParse(schema, answer);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new NodeError('NodeFailed', {
    reason: 'ContainerdUnreachable',
    sentence: `the answer to ${call} at ${socket} is not understood: ${printable(`${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`, 300)}`,
    hint: `Compare with what 'crictl --runtime-endpoint unix://${socket} info' and 'inspectp' print, and report it with containerd's version`,
  });
}

async function cgroupDriver(ask: Ask): Promise<CgroupDriver | undefined> {
  try {
    return await ask('RuntimeConfig', {}, ConfigurationAnswer);
  } catch (error) {
    // The same code for a runtime without CRI: whoever needs to know that asks for the status.
    if (isUnimplemented(error)) return undefined;
    throw error;
  }
}

async function unlessNotFound<Answer>(work: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** systemd's own slice for what an administrator starts; with this driver, runc and runsc want a slice's name. */
const SYSTEMD_PARENT = 'system.slice';

async function startSandbox(ask: Ask, { handler, cgroupDriver: driver }: SandboxRequest): Promise<SandboxStart> {
  const left = (await ask('ListPodSandbox', {}, SandboxesAnswer)).filter(
    ({ name, namespace }) => name === OWN_SANDBOX.name && namespace === OWN_SANDBOX.namespace,
  );
  for (const { id } of left) await removeSandbox(ask, id);
  const config = {
    metadata: { ...OWN_SANDBOX, uid: OWN_SANDBOX.name, attempt: 0 },
    hostname: OWN_SANDBOX.name,
    linux: { cgroupParent: driver === 'systemd' ? SYSTEMD_PARENT : '' },
  };
  try {
    const { podSandboxId } = await ask('RunPodSandbox', { config, runtimeHandler: handler }, StartAnswer);
    return { outcome: 'started', id: podSandboxId };
  } catch (error) {
    if (isRefusal(error)) return { outcome: 'failed', message: detailsOf(error) };
    throw error;
  }
}

async function removeSandbox(ask: Ask, id: string): Promise<void> {
  await unlessNotFound(ask('StopPodSandbox', { podSandboxId: id }, v.unknown()));
  await unlessNotFound(ask('RemovePodSandbox', { podSandboxId: id }, v.unknown()));
}
