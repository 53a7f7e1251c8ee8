import { Client, credentials, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs/light.js';
import { RUNTIME_MESSAGES } from './runtime-messages.ts';

const CRI = '/runtime.v1.RuntimeService';

/** Each call that we make: its path, and the messages of {@link RUNTIME_MESSAGES}. */
export const RUNTIME_CALLS = {
  Version: {
    path: '/containerd.services.version.v1.Version/Version',
    request: 'Empty',
    response: 'ContainerdVersion',
  },
  Status: { path: `${CRI}/Status`, request: 'StatusRequest', response: 'StatusResponse' },
  RuntimeConfig: { path: `${CRI}/RuntimeConfig`, request: 'Empty', response: 'RuntimeConfigResponse' },
  ListPodSandbox: { path: `${CRI}/ListPodSandbox`, request: 'Empty', response: 'ListPodSandboxResponse' },
  PodSandboxStatus: {
    path: `${CRI}/PodSandboxStatus`,
    request: 'PodSandboxStatusRequest',
    response: 'PodSandboxStatusResponse',
  },
  RunPodSandbox: { path: `${CRI}/RunPodSandbox`, request: 'RunPodSandboxRequest', response: 'RunPodSandboxResponse' },
  StopPodSandbox: { path: `${CRI}/StopPodSandbox`, request: 'PodSandboxIdRequest', response: 'Empty' },
  RemovePodSandbox: { path: `${CRI}/RemovePodSandbox`, request: 'PodSandboxIdRequest', response: 'Empty' },
} as const;

/** The name of a call of {@link RUNTIME_CALLS}. */
export type RuntimeCall = keyof typeof RUNTIME_CALLS;

/** A call that did not succeed. */
export class RuntimeCallError extends Error {
  override readonly name = 'RuntimeCallError';
  readonly call: RuntimeCall;
  /** A status code of gRPC. */
  readonly status: status;
  /** The other side's words, or those of the connection. */
  readonly details: string;

  constructor(call: RuntimeCall, outcome: { readonly status: status; readonly details: string }, cause: unknown) {
    super(`${call}: ${status[outcome.status]} ${outcome.details}`, { cause });
    this.call = call;
    this.status = outcome.status;
    this.details = outcome.details;
  }
}

/** One call over a channel. */
export interface RuntimeExchange {
  readonly call: RuntimeCall;
  readonly request: object;
  readonly timeoutMilliseconds: number;
}

/** gRPC to a container runtime. */
export interface RuntimeChannel {
  /**
   * Makes one call.
   *
   * @returns the response as a plain object with every field of the descriptor: absent messages are null, the rest has
   *   its type's default
   * @throws {RuntimeCallError} whatever went wrong
   */
  exchange(exchange: RuntimeExchange): Promise<unknown>;
  close(): void;
}

/** As much as kubelets accept (kubernetes: staging/src/k8s.io/cri-client/pkg/remote_runtime.go maxMsgSize). */
const MAXIMUM_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Opens a channel to a Unix socket. It connects with the first call, and again whenever the other side was away. */
export function openRuntimeChannel(socket: string): RuntimeChannel {
  const messages = protobuf.Root.fromJSON(RUNTIME_MESSAGES);
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MAXIMUM_MESSAGE_BYTES,
    // A container runtime that restarts is back in a tenth of a second: never wait for gRPC's own second and more.
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    exchange: async exchange => await callOnce({ client, messages }, exchange),
    close: () => client.close(),
  };
}

async function callOnce(
  { client, messages }: { readonly client: Client; readonly messages: protobuf.Root },
  { call, request, timeoutMilliseconds }: RuntimeExchange,
): Promise<unknown> {
  const { path, request: requestName, response: responseName } = RUNTIME_CALLS[call];
  const requestType = messages.lookupType(requestName);
  const responseType = messages.lookupType(responseName);
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  client.makeUnaryRequest(
    path,
    (value: object) => Buffer.from(requestType.encode(requestType.fromObject(value)).finish()),
    (bytes: Buffer): unknown => responseType.toObject(responseType.decode(bytes), { defaults: true, longs: Number }),
    request,
    { deadline: Date.now() + timeoutMilliseconds },
    (error, response) => {
      if (error === null) resolve(response);
      else reject(new RuntimeCallError(call, { status: error.code, details: error.details }, error));
    },
  );
  return await promise;
}
